"""The second factor: time-based one-time passwords (RFC 6238) and recovery codes."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

import pyotp

from bankapp import clock, context, db, errors
from bankapp.models import SecondFactorRecord
from bankapp.repositories import second_factors, sessions
from bankapp.services import audit
from bankapp.services.identity import credentials, encryption, throttle
from bankapp.services.identity.credentials import Proof

T = TypeVar("T")

ISSUER: Final = "bankapp"
STEP_SECONDS: Final = 30
DRIFT_STEPS: Final = 1
"""How many steps a device's clock may be off, either way (RFC 6238 §5.2)."""

RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 15
"""120 bits: enough that a plain hash keeps them (OWASP ASVS 5.0 §6.5.2 asks for 112)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """Whether a second factor is asked for, and how many recovery codes are left."""

    enabled: bool
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """What an authenticator app needs; shown once."""

    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)


def status() -> Status:
    """Return the state of the caller's second factor."""
    user_id = context.user().id
    return Status(_confirmed(user_id) is not None, second_factors.count_codes(user_id))


def enrol(password: str) -> Enrolment:
    """Begin with a new secret; nothing is asked for until it is confirmed.

    Raises InvalidCredentials, RateLimited, or StateConflict when a second factor is on already.
    """
    proof = credentials.confirm("otp_enrol", password)
    secret = pyotp.random_base32()

    def begin() -> None:
        user = credentials.lock(proof)
        if _confirmed(user.id):
            raise errors.StateConflict("The second factor is on already; switch it off first.")
        second_factors.put(user.id, encryption.seal(secret, user.id), clock.now())
        audit.record("otp_enrol", user_id=user.id)

    db.run(begin)
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=proof.email, issuer_name=ISSUER))


def confirm(otp: str) -> list[str]:
    """Switch the second factor on with its first code, end every other session, return the recovery codes.

    Raises StateConflict when there is nothing to confirm, InvalidCredentials for a wrong code, RateLimited.
    """
    user_id = context.user().id

    def confirm() -> list[str]:
        found = second_factors.get(user_id)
        if found is None or found.confirmed_at is not None:
            raise errors.StateConflict("There is no second factor waiting to be confirmed.")
        _accept(found, otp)
        second_factors.change(user_id, confirmed_at=clock.now())
        _end_other_sessions(user_id)
        audit.record("otp_confirm", user_id=user_id)
        return _new_codes(user_id)

    return _guarded("otp_confirm", confirm)


def disable(password: str, otp: str) -> None:
    """Switch the second factor off with password and code, and end every other session.

    Raises InvalidCredentials, RateLimited, or StateConflict when it is off.
    """
    proof = credentials.confirm("otp_disable", password)

    def disable() -> None:
        _prove_both(proof, otp)
        second_factors.remove(proof.user_id)
        _end_other_sessions(proof.user_id)
        audit.record("otp_disable", user_id=proof.user_id)

    _guarded("otp_disable", disable)


def renew_codes(password: str, otp: str) -> list[str]:
    """Return new recovery codes; the old ones are dead. Raises as :func:`disable`."""
    proof = credentials.confirm("otp_recovery_codes", password)

    def renew() -> list[str]:
        _prove_both(proof, otp)
        audit.record("otp_recovery_codes", user_id=proof.user_id)
        return _new_codes(proof.user_id)

    return _guarded("otp_recovery_codes", renew)


def check(user_id: str, otp: str | None) -> str | None:
    """Ask for the second factor where it is on, in the transaction that opens the session.

    Returns the kind that was used, or None where none is on. Raises OtpRequired without a code,
    InvalidCredentials for a wrong or used one.
    """
    found = _confirmed(user_id)
    if found is None:
        return None
    if otp is None:
        raise errors.OtpRequired("Send the code of your authenticator app, or a recovery code, as otp.")
    return _accept(found, otp)


def _confirmed(user_id: str) -> SecondFactorRecord | None:
    found = second_factors.get(user_id)
    return found if found is not None and found.confirmed_at is not None else None


def _guarded(event_type: str, command: Callable[[], T]) -> T:
    """Run a command that guesses at a code, counted like guesses at the password."""
    user_id = context.user().id
    bucket = throttle.bucket_of_user(user_id)

    def run() -> T:
        result = command()
        throttle.succeeded(bucket)
        return result

    try:
        throttle.enter(bucket)
        return db.run(run)
    except (errors.InvalidCredentials, errors.RateLimited) as refusal:
        credentials.put_on_record(event_type, user_id, bucket, refusal)
        raise


def _prove_both(proof: Proof, otp: str) -> None:
    user = credentials.lock(proof)
    found = _confirmed(user.id)
    if found is None:
        raise errors.StateConflict("The second factor is off.")
    _accept(found, otp)


def _accept(found: SecondFactorRecord, otp: str) -> str:
    """Use a code up, in the caller's transaction, and return its kind.

    Raises InvalidCredentials for a wrong or used one.
    """
    compact = re.sub(r"[\s-]", "", otp).upper()
    kind = "totp" if re.fullmatch(r"[0-9]{6}", compact) else "recovery_code"
    if kind == "totp":
        step = _step(found, compact)
        accepted = step is not None and second_factors.claim_step(found.user_id, step)
    else:
        accepted = second_factors.claim_code(found.user_id, _hash(compact), clock.now())
    if not accepted:
        raise errors.InvalidCredentials("The one-time password is wrong, or was used before.")
    return kind


def _step(found: SecondFactorRecord, code: str) -> int | None:
    """Return the time step (RFC 6238 §4.2) whose code this is."""
    opened = encryption.unseal(found.sealed_secret, found.user_id)
    if opened is None:
        log.error("no SECRET_KEY opens a second factor; only its recovery codes work")
        return None
    secret, outdated = opened
    if outdated:
        second_factors.change(found.user_id, sealed_secret=encryption.seal(secret, found.user_id))
    totp = pyotp.TOTP(secret)
    now = int(clock.now().timestamp()) // STEP_SECONDS
    steps = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
    return next((step for step in steps if secrets.compare_digest(totp.generate_otp(step), code)), None)


def _new_codes(user_id: str) -> list[str]:
    codes = [base64.b32encode(secrets.token_bytes(RECOVERY_BYTES)).decode() for _ in range(RECOVERY_CODES)]
    second_factors.put_codes(user_id, map(_hash, codes))
    return ["-".join(re.findall("....", code)) for code in codes]


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


def _end_other_sessions(user_id: str) -> None:
    sessions.revoke_all(user_id, clock.now(), keep=context.user().session_id)
