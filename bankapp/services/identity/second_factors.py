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
from bankapp.models import SecondFactorRecord, UserRecord
from bankapp.repositories import second_factors, sessions
from bankapp.services import audit
from bankapp.services.identity import credentials, encryption, throttle
from bankapp.services.identity.credentials import Proof

T = TypeVar("T")

ISSUER: Final = "bankapp"
STEP_SECONDS: Final = 30
DRIFT_STEPS: Final = 1
"""How many time steps a device's clock may be fast or slow (RFC 6238 §5.2)."""

RECOVERY_CODES: Final = 10
RECOVERY_BYTES: Final = 15
"""120 random bits. From 112 bits on, a standard hash without salt is enough (OWASP ASVS 5.0 §6.5.2)."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """Whether the second factor is on, and how many unused recovery codes are left."""

    enabled: bool
    recovery_codes_left: int


@dataclass(frozen=True, slots=True)
class Enrolment:
    """The secret for an authenticator app, and the same as an ``otpauth:`` URI. Both are shown once."""

    secret: str = field(repr=False)
    otpauth_uri: str = field(repr=False)


def status() -> Status:
    """Return whether the caller's second factor is on, and how many recovery codes are left."""
    user_id = context.user().id
    return Status(_confirmed_factor(user_id) is not None, second_factors.count_codes(user_id))


def enrol(password: str) -> Enrolment:
    """Store a new secret and return it. Sign-in asks for no code until :func:`confirm`.

    Raises InvalidCredentials, RateLimited, or StateConflict when a second factor is already on.
    """
    proof = credentials.prove_password("otp_enrol", password)
    secret = pyotp.random_base32()

    def begin() -> None:
        user = credentials.lock(proof)
        if _confirmed_factor(user.id):
            raise errors.StateConflict("The second factor is already on. Switch it off first.")
        second_factors.put(user.id, encryption.seal(secret, user.id), clock.now())
        audit.record("otp_enrol", user_id=user.id)

    db.run(begin)
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=proof.email, issuer_name=ISSUER))


def confirm(otp: str) -> list[str]:
    """Switch the second factor on with its first code, end every other session, and return the recovery codes.

    Raises StateConflict without an unconfirmed secret, InvalidCredentials for a wrong code, or RateLimited.
    """
    user_id = context.user().id

    def confirm() -> list[str]:
        factor = second_factors.get(user_id)
        if factor is None or factor.confirmed_at is not None:
            raise errors.StateConflict("There is no second factor to confirm.")
        _use_code(factor, otp)
        second_factors.change(user_id, confirmed_at=clock.now())
        _end_other_sessions(user_id)
        audit.record("otp_confirm", user_id=user_id)
        return _new_codes(user_id)

    return _throttled("otp_confirm", confirm)


def disable(password: str, otp: str) -> None:
    """Switch the second factor off, after a check of password and code, and end every other session.

    Raises InvalidCredentials, RateLimited, or StateConflict when the second factor is off.
    """
    proof = credentials.prove_password("otp_disable", password)

    def disable() -> None:
        _prove_code(proof, otp)
        second_factors.remove(proof.user_id)
        _end_other_sessions(proof.user_id)
        audit.record("otp_disable", user_id=proof.user_id)

    _throttled("otp_disable", disable)


def renew_codes(password: str, otp: str) -> list[str]:
    """Store and return new recovery codes in place of all earlier ones. Raises as :func:`disable`."""
    proof = credentials.prove_password("otp_recovery_codes", password)

    def renew() -> list[str]:
        _prove_code(proof, otp)
        audit.record("otp_recovery_codes", user_id=proof.user_id)
        return _new_codes(proof.user_id)

    return _throttled("otp_recovery_codes", renew)


def check(user_id: str, otp: str | None) -> str | None:
    """Check the code of a user whose second factor is on, in the transaction that opens the session.

    Returns ``totp`` or ``recovery_code``, or None when the second factor is off. Raises OtpRequired without a
    code, and InvalidCredentials for a wrong or used code.
    """
    factor = _confirmed_factor(user_id)
    if factor is None:
        return None
    if otp is None:
        raise errors.OtpRequired("Send a code from your authenticator app, or a recovery code, as otp.")
    return _use_code(factor, otp)


def with_proof(event_type: str, password: str, otp: str | None, command: Callable[[UserRecord], T]) -> T:
    """Run ``command`` in a transaction, after a check of the caller's password, and of the code where one is needed.

    ``command`` gets the locked user. Raises InvalidCredentials, OtpRequired without the code of a second factor that
    is on, or RateLimited; the audit row of a refusal has ``event_type``.
    """
    proof = credentials.prove_password(event_type, password)

    def prove() -> T:
        user = credentials.lock(proof)
        check(user.id, otp)
        return command(user)

    return _throttled(event_type, prove)


def _confirmed_factor(user_id: str) -> SecondFactorRecord | None:
    factor = second_factors.get(user_id)
    return factor if factor is not None and factor.confirmed_at is not None else None


def _throttled(event_type: str, command: Callable[[], T]) -> T:
    """Run a command that checks a code. Its failures are counted like those of the password."""
    user_id = context.user().id
    bucket = throttle.bucket_of_user(user_id)

    def run() -> T:
        result = command()
        throttle.forget_failures(bucket)
        return result

    try:
        throttle.enter(bucket)
        return db.run(run)
    except (errors.InvalidCredentials, errors.OtpRequired, errors.RateLimited) as refusal:
        credentials.record_failure(event_type, user_id, bucket, refusal)
        raise


def _prove_code(proof: Proof, otp: str) -> None:
    user = credentials.lock(proof)
    factor = _confirmed_factor(user.id)
    if factor is None:
        raise errors.StateConflict("The second factor is off.")
    _use_code(factor, otp)


def _use_code(factor: SecondFactorRecord, otp: str) -> str:
    """Check a code, mark it used in the caller's transaction, and return its kind.

    Raises InvalidCredentials for a wrong or used code.
    """
    compact = re.sub(r"[\s-]", "", otp).upper()
    kind = "totp" if re.fullmatch(r"[0-9]{6}", compact) else "recovery_code"
    if kind == "totp":
        step = _step(factor, compact)
        accepted = step is not None and second_factors.claim_step(factor.user_id, step)
    else:
        accepted = second_factors.claim_code(factor.user_id, _hash(compact), clock.now())
    if not accepted:
        raise errors.InvalidCredentials("The one-time password is wrong or was already used.")
    return kind


def _step(factor: SecondFactorRecord, code: str) -> int | None:
    """Return the time step (RFC 6238 §4.2) of a code, or None for a wrong code."""
    unsealed = encryption.unseal(factor.sealed_secret, factor.user_id)
    if unsealed is None:
        log.error("no SECRET_KEY decrypts a second factor; only its recovery codes work")
        return None
    secret, outdated = unsealed
    if outdated:
        second_factors.change(factor.user_id, sealed_secret=encryption.seal(secret, factor.user_id))
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
