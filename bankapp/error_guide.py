"""What a client does about each error code: the cause, the advice, and whether a retry can succeed.

One entry for each code of :mod:`bankapp.errors`. ``docs/errors.md`` and ``/docs/errors`` are written from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final


class Retry(Enum):
    """Whether a client may send the request again, and with which ``Idempotency-Key``."""

    SAME_KEY = "Yes, after `Retry-After`, with the same Idempotency-Key."
    BACKOFF = "Yes, with growing delays and the same Idempotency-Key."
    AFTER_FIX = "Only after the cause is removed. The Idempotency-Key may stay the same."
    NEW_KEY = "Only after the cause is removed, with a new Idempotency-Key: the refusal is stored under the first one."
    NO = "No."


@dataclass(frozen=True, slots=True)
class Entry:
    """What the documentation says about one error code, in Markdown without links."""

    cause: str
    advice: str
    retry: Retry


ENTRIES: Final[dict[str, Entry]] = {
    "malformed_request": Entry(
        "The request is not valid HTTP or its body is not valid JSON: a duplicate key, `NaN`, or too deep a nesting.",
        "Correct the code that writes the request.",
        Retry.AFTER_FIX,
    ),
    "idempotency_key_invalid": Entry(
        "`Idempotency-Key` is not 1 to 255 printable ASCII characters, or it is missing where the service requires it.",
        "Send a random UUID as the key.",
        Retry.AFTER_FIX,
    ),
    "token_missing": Entry(
        "The request has no `Authorization: Bearer` header.",
        "Send the access token or the API key.",
        Retry.AFTER_FIX,
    ),
    "token_invalid": Entry(
        "The token or API key cannot be read, or this service did not issue it.",
        "Sign in again, or check the API key.",
        Retry.AFTER_FIX,
    ),
    "token_expired": Entry(
        "The access token has expired.",
        "Get a new one with `POST /v1/auth/refresh`, then send the request again.",
        Retry.AFTER_FIX,
    ),
    "token_revoked": Entry(
        "The session of the token has ended: by sign-out, by a change of password, or by reuse of a refresh token.",
        "Sign in again.",
        Retry.AFTER_FIX,
    ),
    "invalid_credentials": Entry(
        "The e-mail address, the password or the one-time password is wrong. The answer does not tell which.",
        "Ask the person to enter them again. Attempts are limited.",
        Retry.AFTER_FIX,
    ),
    "otp_required": Entry(
        "The user has a second factor, and the request has no `otp`.",
        "Ask for a code of the authenticator app or a recovery code, and send it as `otp`.",
        Retry.AFTER_FIX,
    ),
    "refresh_token_invalid": Entry(
        "The refresh token is unknown, expired or revoked.",
        "Sign in again.",
        Retry.NO,
    ),
    "refresh_token_reused": Entry(
        "The refresh token was already used. Its session is revoked, because the token may have been stolen.",
        "Sign in again. Let one process at a time refresh, and store the new token before the next request.",
        Retry.NO,
    ),
    "api_key_expired": Entry(
        "The API key is past its `expires_at`.",
        "Make a new key with `POST /v1/api-keys`.",
        Retry.AFTER_FIX,
    ),
    "api_key_revoked": Entry(
        "The API key was revoked.",
        "Make a new key with `POST /v1/api-keys`.",
        Retry.AFTER_FIX,
    ),
    "forbidden": Entry(
        "The user's role does not allow the request.",
        "Let a user with the role make the request.",
        Retry.NO,
    ),
    "insufficient_scope": Entry(
        "The API key lacks the scope, is limited to some accounts, or the operation allows no API key.",
        "Use a key with the scope that `required_scope` names, or sign in.",
        Retry.AFTER_FIX,
    ),
    "ip_address_not_allowed": Entry(
        "The API key may not be used from this IP address.",
        "Send the request from a network of the key's `ip_allowlist`, or make a key for this network.",
        Retry.AFTER_FIX,
    ),
    "not_found": Entry(
        "The path or the resource does not exist, or the resource is not the caller's. Both look the same.",
        "Check the id and whose token is sent.",
        Retry.NEW_KEY,
    ),
    "method_not_allowed": Entry(
        "The path exists, but not with this method.",
        "Use a method of the `Allow` header.",
        Retry.NO,
    ),
    "email_taken": Entry(
        "A user with this e-mail address exists.",
        "Sign in, or sign up with another address.",
        Retry.NO,
    ),
    "account_holder_exists": Entry(
        "The user already has an account holder.",
        "Read it with `GET /v1/account-holders/me`.",
        Retry.NO,
    ),
    "payee_exists": Entry(
        "The user already saved a payee with this account number.",
        "Use the saved payee.",
        Retry.NO,
    ),
    "account_not_empty": Entry(
        "The account to close has a balance or held money.",
        "Move the balance to another account and wait for the holds to end.",
        Retry.AFTER_FIX,
    ),
    "state_conflict": Entry(
        "The state of the resource does not allow the change, for example a second closure of an account.",
        "Read the resource and decide again.",
        Retry.NEW_KEY,
    ),
    "idempotency_in_flight": Entry(
        "A request with this Idempotency-Key is still running.",
        "Wait and send the same request again: it gets the answer of the first one.",
        Retry.SAME_KEY,
    ),
    "events_expired": Entry(
        "The events after this position are older than the retention.",
        "Read the resources anew, then follow the events from the newest position.",
        Retry.NO,
    ),
    "precondition_failed": Entry(
        "The resource was changed since its `ETag` was read.",
        "Read the resource, apply the change to it, and send the new `ETag` as `If-Match`.",
        Retry.AFTER_FIX,
    ),
    "precondition_required": Entry(
        "The change needs the `If-Match` header.",
        "Read the resource and send its `ETag` as `If-Match`.",
        Retry.AFTER_FIX,
    ),
    "payload_too_large": Entry(
        "The body is larger than the operation takes: 64 KiB, or 1 MiB for a batch.",
        "Send less, for example a batch in several requests.",
        Retry.AFTER_FIX,
    ),
    "unsupported_media_type": Entry(
        "The body is not declared as JSON, or it has a `Content-Encoding`.",
        "Send `Content-Type: application/json` and no `Content-Encoding`.",
        Retry.AFTER_FIX,
    ),
    "validation_error": Entry(
        "A field or a query parameter is missing, unknown or wrong. `errors` names each.",
        "Correct the named fields.",
        Retry.AFTER_FIX,
    ),
    "idempotency_key_reused": Entry(
        "The Idempotency-Key was used for a request with another body.",
        "Make a new key for each new request. Keep the key only where the same request is sent again.",
        Retry.NEW_KEY,
    ),
    "insufficient_funds": Entry(
        "The available balance does not cover the amount.",
        "Deposit money or send a smaller amount.",
        Retry.NEW_KEY,
    ),
    "account_not_active": Entry(
        "The account is frozen or closed.",
        "Use another account, or have a frozen one unfrozen.",
        Retry.NEW_KEY,
    ),
    "currency_mismatch": Entry(
        "The currency of the request is not that of the account.",
        "Send the currency of the account. The service does not convert money.",
        Retry.NEW_KEY,
    ),
    "same_account": Entry(
        "A transfer names the same account as source and destination.",
        "Choose another destination.",
        Retry.NEW_KEY,
    ),
    "payee_not_payable": Entry(
        "The payee's account cannot receive this transfer. The answer does not tell why.",
        "Check the account number and the currency with the payee.",
        Retry.NEW_KEY,
    ),
    "payee_verification_required": Entry(
        "The transfer names no valid verification of its payee.",
        "Call `POST /v1/payee-verifications` and send its `token` as `payee_verification_token`.",
        Retry.NEW_KEY,
    ),
    "limit_exceeded": Entry(
        "A limit would be exceeded: that of a card, or of the number of API keys, payees or webhook endpoints.",
        "Stay below the limit, wait until it resets, or delete what is no longer needed.",
        Retry.NEW_KEY,
    ),
    "balance_limit_exceeded": Entry(
        "The balance would leave the range that the bank can store (0 to 2^53-1 minor units).",
        "Send a smaller amount.",
        Retry.NEW_KEY,
    ),
    "account_holder_required": Entry(
        "The user is not an account holder yet.",
        "Call `POST /v1/account-holders` first.",
        Retry.NEW_KEY,
    ),
    "rate_limited": Entry(
        "The caller made too many requests of one kind.",
        "Wait as many seconds as `Retry-After` says.",
        Retry.SAME_KEY,
    ),
    "internal_error": Entry(
        "The service has a fault. Whether the request was carried out is unknown.",
        "Send the request again with the same key, which carries it out once. If it fails again, report `request_id`.",
        Retry.BACKOFF,
    ),
    "unavailable": Entry(
        "The service cannot answer now. Whether the request was carried out can be unknown.",
        "Wait as many seconds as `Retry-After` says. The same key makes sure that money moves once.",
        Retry.SAME_KEY,
    ),
}
