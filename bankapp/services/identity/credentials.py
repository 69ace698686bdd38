"""Checks of a user's password before a sensitive action, and the record of failed ones."""

from __future__ import annotations

from dataclasses import dataclass, field

from bankapp import context, db, errors
from bankapp.models import UserRecord
from bankapp.repositories import users
from bankapp.services import access, audit
from bankapp.services.identity import passwords, throttle


@dataclass(frozen=True, slots=True)
class Proof:
    """A user whose password was just checked, and the hash that it matched."""

    user_id: str
    email: str
    hashed_password: str = field(repr=False)


def prove_password(event_type: str, password: str) -> Proof:
    """Check the caller's password before the action ``event_type``, and return the proof for :func:`lock`.

    A stolen access token is therefore not enough to change how the user signs in (OWASP ASVS 5.0 §7.5.1).
    Raises InvalidCredentials, RateLimited after many failures, or NotFound.
    """
    user = users.get(context.user().id)
    if user is None:
        raise access.not_found("user")
    proof = Proof(user.id, user.email, user.hashed_password)
    bucket = throttle.bucket_of_user(proof.user_id)
    try:
        throttle.enter(bucket)
        if not passwords.matches(password, proof.hashed_password):
            raise errors.InvalidCredentials("The password is wrong.")
    except (errors.InvalidCredentials, errors.RateLimited) as refusal:
        record_failure(event_type, proof.user_id, bucket, refusal)
        raise
    return proof


def lock(proof: Proof) -> UserRecord:
    """Lock the user's row in the caller's transaction, and return the user as stored now.

    Raises InvalidCredentials when the user was disabled, or the password changed, since the proof. This can
    happen because the slow check of a password runs outside of transactions.
    """
    user = users.lock(proof.user_id)
    if user is None or user.status != "active" or user.hashed_password != proof.hashed_password:
        raise errors.InvalidCredentials("E-mail or password is wrong.")
    return user


def record_failure(event_type: str, user_id: str | None, bucket: str, refusal: errors.BankError) -> None:
    """Store the audit row of a refused proof, and count a wrong password or code in ``bucket``."""

    def record() -> None:
        if isinstance(refusal, errors.InvalidCredentials):
            throttle.count_failure(bucket)
        audit.record(event_type, user_id=user_id, failure=refusal)

    db.run(record)
