"""Verification of payee: whether the name that a payer gives is that of an account's holder.

Regulation (EU) 2024/886 (Article 5c of Regulation (EU) No 260/2012) demands it of banks before a payer authorises a
transfer. :mod:`bankapp.payee_names` compares the names.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson

from bankapp import clock, context, errors, ids
from bankapp.models.transaction import PAYEE_VERIFICATIONS
from bankapp.payee_names import CLOSE_MATCH, compare
from bankapp.repositories import accounts
from bankapp.services import audit
from bankapp.services.identity import encryption

NOT_POSSIBLE: Final = "not_possible"
RESULTS: Final = PAYEE_VERIFICATIONS

LIFETIME: Final = timedelta(minutes=15)
"""How long a transfer may name a verification."""

_NOBODY: Final = "Nobody Whatsoever"


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification came to. ``name`` is the holder's, for a close match only.

    ``token`` proves it to a transfer until ``expires_at``.
    """

    id: str
    result: str
    name: str | None
    token: str
    expires_at: datetime


def verify(name: str, account_number: str) -> Verification:
    """Compare ``name`` with the name of the holder of the account with this IBAN.

    An account that is unknown, closed or at another bank gives ``not_possible``, after the same work: a payer learns
    neither from the answer nor from its time which of the three it is.
    """
    # The token is checked before: within a SELECT that finds no row the check would cost one more statement.
    context.user()
    holder = accounts.holder_of_number(account_number)
    actual = _NOBODY if holder is None else holder.name
    result = compare(name, actual)
    if holder is None or holder.status == "closed":
        result = NOT_POSSIBLE
    verification_id, expires_at = ids.new(), clock.now() + LIFETIME
    audit.record(
        "payee_verification",
        resource_type="payee_verification",
        resource_id=verification_id,
        metadata={"payee_name": name, "account_number": account_number, "result": result},
    )
    return Verification(
        id=verification_id,
        result=result,
        name=actual if result == CLOSE_MATCH else None,
        token=_token(account_number, result, expires_at),
        expires_at=expires_at,
    )


def of_transfer(token: str | None, payer_id: str, number: str | None, *, is_own: bool) -> str | None:
    """Return the result of the verification that ``token`` proves, or None for a transfer without one.

    ``number`` is the IBAN of the payee's account, None if the order names no account that exists. ``is_own`` tells that
    the account is the payer's. Raises PayeeVerificationRequired where ``PAYEE_VERIFICATION`` is ``required`` and there
    is no token for somebody else's account, and for a token that is expired, of another user or of another account.
    """
    if token is None:
        if is_own or context.config().payee_verification == "advisory":
            return None
        raise errors.PayeeVerificationRequired("Verify the payee first, and name the verification's token.")
    found = _read(token, payer_id)
    if found is None or found[0] != number or clock.from_text(found[2]) <= clock.now():
        raise errors.PayeeVerificationRequired(
            "The verification is expired, or of another account. Verify the payee again."
        )
    return found[1]


def _token(account_number: str, result: str, expires_at: datetime) -> str:
    # The token carries what a row would, so that a transfer reads no row and nothing must be purged.
    facts = orjson.dumps([account_number, result, clock.to_text(expires_at)]).decode()
    sealed = encryption.seal(facts, _purpose(context.user().id))
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _read(token: str, user_id: str) -> tuple[str, str, str] | None:
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (ValueError, binascii.Error):
        return None
    unsealed = encryption.unseal(sealed, _purpose(user_id))
    if unsealed is None:
        return None
    account_number, result, expires_at = orjson.loads(unsealed[0])
    return account_number, result, expires_at


def _purpose(user_id: str) -> str:
    return f"payee verification of {user_id}"
