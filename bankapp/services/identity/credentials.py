"""Proving a password, and putting on record that it failed."""

from __future__ import annotations

from dataclasses import dataclass, field

from bankapp import context, db, errors
from bankapp.models import UserRecord
from bankapp.repositories import users
from bankapp.services import access, audit
from bankapp.services.identity import passwords, throttle


@dataclass(frozen=True, slots=True)
class Proof:
    """A user whose password was just proved, and the hash that proved it."""

    user_id: str
    email: str
    hashed_password: str = field(repr=False)


def confirm(event_type: str, password: str) -> Proof:
    """Let the caller prove their password before the action ``event_type``.

    So a stolen access token alone changes nothing that would keep the thief in (OWASP ASVS 5.0 §7.5.1).
    Raises InvalidCredentials, or RateLimited after many failures.
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
        put_on_record(event_type, proof.user_id, bucket, refusal)
        raise
    return proof


def lock(proof: Proof) -> UserRecord:
    """Lock the user in the caller's transaction, and return them as they are now.

    Raises InvalidCredentials when they were disabled, or their password changed, since the proof: the
    slow check of a password runs outside of transactions.
    """
    user = users.lock(proof.user_id)
    if user is None or user.status != "active" or user.hashed_password != proof.hashed_password:
        raise errors.InvalidCredentials("E-mail or password is wrong.")
    return user


def put_on_record(event_type: str, user_id: str | None, bucket: str, refusal: errors.BankError) -> None:
    """Record a refused proof, and count it where it was a wrong guess."""

    def record() -> None:
        if isinstance(refusal, errors.InvalidCredentials):
            throttle.failed(bucket)
        audit.record(event_type, user_id=user_id, failure=refusal)

    db.run(record)
