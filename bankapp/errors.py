"""Refusals: one exception class per error code of the API.

``api/errors.py`` turns them into answers. A *kind* is a direct subclass of :class:`BankError` and decides the
HTTP status. A leaf has the one ``code`` by which clients distinguish errors. ``detail`` is written for the person
who made the request. It never contains driver text, SQL or another customer's data.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class BankError(Exception):
    """A refusal with a stable ``code``, a ``title`` per code and a ``detail`` per occurrence.

    ``errors`` maps fields to messages, ``extra`` holds members of the problem document beyond the
    standard ones (RFC 9457 §3.2), ``retry_after_seconds`` says when trying again makes sense.
    ``usual_detail`` is the detail where none is given; without it the title serves.
    """

    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    usual_detail: ClassVar[str] = ""

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Mapping[str, list[str]] | None = None,
        extra: Mapping[str, Any] | None = None,
        retry_after_seconds: int | None = None,
    ) -> None:
        self.detail = detail or self.usual_detail or f"{self.title}."
        self.errors = errors
        self.extra = extra or {}
        self.retry_after_seconds = retry_after_seconds
        super().__init__(self.detail)


# Kinds


class MalformedRequest(BankError):
    """The request cannot be parsed."""

    code = "malformed_request"
    title = "Malformed request"


class Unauthenticated(BankError):
    """The request has no valid proof of who the caller is."""

    code = "token_invalid"
    title = "Invalid token"


class Forbidden(BankError):
    """The caller's role or API key does not allow the request."""

    code = "forbidden"
    title = "Forbidden"


class NotFound(BankError):
    """The resource does not exist, or it is not the caller's. Both must look the same."""

    code = "not_found"
    title = "Not found"


class MethodNotAllowed(BankError):
    """The path exists, but not with this method."""

    code = "method_not_allowed"
    title = "Method not allowed"


class Conflict(BankError):
    """The state of the resource does not allow the request."""

    code = "state_conflict"
    title = "State conflict"


class PreconditionFailed(BankError):
    """``If-Match`` names another version than the current one."""

    code = "precondition_failed"
    title = "Precondition failed"


class PreconditionRequired(BankError):
    """The change needs ``If-Match``."""

    code = "precondition_required"
    title = "Precondition required"


class Gone(BankError):
    """What was asked for existed, and is no longer kept."""

    code = "events_expired"
    title = "Events expired"


class PayloadTooLarge(BankError):
    """The body is larger than the endpoint accepts."""

    code = "payload_too_large"
    title = "Payload too large"


class UnsupportedMediaType(BankError):
    """The body is not JSON."""

    code = "unsupported_media_type"
    title = "Unsupported media type"


class Refused(BankError):
    """The request was parsed, but breaks a rule."""

    code = "validation_error"
    title = "Validation error"


class RateLimited(BankError):
    """The caller made too many requests of one kind."""

    code = "rate_limited"
    title = "Too many requests"


class Unavailable(BankError):
    """The service cannot answer now; the same request may succeed later."""

    code = "unavailable"
    title = "Service unavailable"


# Leaves


class IdempotencyKeyInvalid(MalformedRequest):
    code = "idempotency_key_invalid"
    title = "Invalid idempotency key"


class EncodingNotSupported(UnsupportedMediaType):
    """The body has a ``Content-Encoding``: a case of its parent's code, whose answer names what is accepted."""


class TokenMissing(Unauthenticated):
    code = "token_missing"
    title = "Missing token"


class TokenInvalid(Unauthenticated):
    code = "token_invalid"


class TokenExpired(Unauthenticated):
    code = "token_expired"
    title = "Expired token"


class TokenRevoked(Unauthenticated):
    code = "token_revoked"
    title = "Revoked token"


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    title = "Invalid credentials"


class OtpRequired(Unauthenticated):
    code = "otp_required"
    title = "One-time password required"


class RefreshTokenInvalid(Unauthenticated):
    code = "refresh_token_invalid"
    title = "Invalid refresh token"


class RefreshTokenReused(Unauthenticated):
    code = "refresh_token_reused"
    title = "Reused refresh token"


class ApiKeyExpired(Unauthenticated):
    code = "api_key_expired"
    title = "Expired API key"


class ApiKeyRevoked(Unauthenticated):
    code = "api_key_revoked"
    title = "Revoked API key"


class InsufficientScope(Forbidden):
    code = "insufficient_scope"
    title = "Insufficient scope"


class IpAddressNotAllowed(Forbidden):
    code = "ip_address_not_allowed"
    title = "IP address not allowed"


class EmailTaken(Conflict):
    code = "email_taken"
    title = "E-mail taken"


class AccountHolderExists(Conflict):
    code = "account_holder_exists"
    title = "Account holder exists"


class PayeeExists(Conflict):
    code = "payee_exists"
    title = "Payee exists"


class AccountNotEmpty(Conflict):
    code = "account_not_empty"
    title = "Account not empty"


class StateConflict(Conflict):
    code = "state_conflict"


class IdempotencyInFlight(Conflict):
    code = "idempotency_in_flight"
    title = "Request in flight"


class EventsExpired(Gone):
    code = "events_expired"
    title = "Events expired"


class ValidationFailed(Refused):
    code = "validation_error"
    usual_detail = "The request has fields that are missing or wrong."


class IdempotencyKeyReused(Refused):
    code = "idempotency_key_reused"
    title = "Idempotency key reused"


class InsufficientFunds(Refused):
    code = "insufficient_funds"
    title = "Insufficient funds"


class AccountNotActive(Refused):
    code = "account_not_active"
    title = "Account not active"


class CurrencyMismatch(Refused):
    code = "currency_mismatch"
    title = "Currency mismatch"


class SameAccount(Refused):
    code = "same_account"
    title = "Same account"


class PayeeNotPayable(Refused):
    code = "payee_not_payable"
    title = "Payee not payable"


class PayeeVerificationRequired(Refused):
    code = "payee_verification_required"
    title = "Payee verification required"


class LimitExceeded(Refused):
    code = "limit_exceeded"
    title = "Limit exceeded"


class BalanceLimitExceeded(Refused):
    code = "balance_limit_exceeded"
    title = "Balance limit exceeded"


class AccountHolderRequired(Refused):
    code = "account_holder_required"
    title = "Account holder required"
