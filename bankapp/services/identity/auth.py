"""Sign-up, sign-in and change of the password."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from bankapp import clock, context, db, emails, errors, ids
from bankapp.models import AccountHolderRecord, SessionRecord, UserRecord
from bankapp.repositories import sessions, users
from bankapp.services import access, account_holders, audit, events
from bankapp.services.identity import credentials, passwords, second_factors, throttle, tokens
from bankapp.services.identity.credentials import Proof
from bankapp.services.identity.tokens import Grant


@dataclass(frozen=True, slots=True)
class Person:
    """The personal data of an account holder."""

    first_name: str
    last_name: str
    dob: date


def fold_email(email: str) -> str:
    """Return the one spelling under which an e-mail address is known (see :mod:`bankapp.emails`)."""
    return emails.fold(email)


def find_user(email: str) -> UserRecord | None:
    """Return the user with this e-mail address, also one who is stored under an older spelling of it."""
    # Every spelling is looked up even after a hit: the time must not tell whether the address is known.
    found = [users.by_email(spelling) for spelling in emails.spellings(email)]
    return next((user for user in found if user is not None), None)


def signup(email: str, password: str, person: Person | None) -> tuple[UserRecord, AccountHolderRecord | None]:
    """Create a customer, and with ``person`` their account holder, in one transaction; return both.

    Raises EmailTaken, or ValidationFailed for a guessable password or a person under 18 years.
    """
    email = fold_email(email)
    words = (email, person.first_name, person.last_name) if person else (email,)
    passwords.check(password, *words)
    hashed = passwords.hashed(password)

    def create() -> tuple[UserRecord, AccountHolderRecord | None]:
        user = create_user(email, hashed, context.CUSTOMER)
        holder = None
        if person:
            holder = account_holders.add(user.id, person.first_name, person.last_name, person.dob)
        audit.record("signup", user_id=user.id)
        return user, holder

    try:
        return db.run(create)
    except errors.EmailTaken as refusal:
        audit.record("signup", failure=refusal)
        raise


def create_user(email: str, hashed_password: str, role: str) -> UserRecord:
    """Store a user in the caller's transaction and return it. Raises EmailTaken."""
    user = UserRecord(
        id=ids.new(),
        email=fold_email(email),
        hashed_password=hashed_password,
        role=role,
        status="active",
        created_at=clock.now(),
    )
    users.add(user)
    return user


def login(email: str, password: str, otp: str | None = None) -> Grant:
    """Check the password and the second factor, open a session, and return its tokens.

    Raises InvalidCredentials, in the same way and time for a wrong e-mail address and a wrong password. Raises
    OtpRequired when the password is right and the code is missing, and RateLimited after many failures.
    """
    user = find_user(email)
    bucket = throttle.bucket(user.email if user else fold_email(email))
    proof = Proof(user.id, user.email, user.hashed_password) if user else None
    try:
        throttle.enter(bucket)
        matched = passwords.matches(password, proof.hashed_password if proof else None)
        if proof is None or not matched:
            raise errors.InvalidCredentials("E-mail or password is wrong.")
        rehashed = passwords.hashed(password) if passwords.is_outdated(proof.hashed_password) else None
        return db.run(lambda: _open_session(proof, rehashed, otp, bucket))
    except (errors.InvalidCredentials, errors.OtpRequired, errors.RateLimited) as refusal:
        credentials.record_failure("login", proof.user_id if proof else None, bucket, refusal)
        raise


def _open_session(proof: Proof, rehashed: str | None, otp: str | None, bucket: str) -> Grant:
    user = credentials.lock(proof)
    second_factor = second_factors.check(user.id, otp)
    throttle.forget_failures(bucket)
    if rehashed is not None:
        users.change(user.id, hashed_password=rehashed)
    now = clock.now()
    current = context.current()
    session = SessionRecord(
        id=ids.new(),
        user_id=user.id,
        ip_address=current.ip_address,
        device_id=current.device_id,
        created_at=now,
        last_used_at=now,
        expires_at=now + context.config().session_lifetime,
        revoked_at=None,
    )
    sessions.add(session._asdict())
    events.record("session.created", session)
    grant = tokens.issue(session, now)
    audit.record(
        "login",
        user_id=user.id,
        resource_type="session",
        resource_id=session.id,
        metadata={"second_factor": second_factor} if second_factor else None,
    )
    return grant


def me() -> UserRecord:
    """Return the caller's user. Raises NotFound."""
    user = users.get(context.user().id)
    if user is None:
        raise access.not_found("user")
    return user


def change_password(current_password: str, new_password: str) -> None:
    """Set a new password and end every other session of the caller.

    Raises InvalidCredentials for a wrong current password, RateLimited after many failures, or
    ValidationFailed for a new password that is too short, too long or guessable.
    """
    proof = credentials.prove_password("password_change", current_password)
    passwords.check(new_password, proof.email, field="new_password")
    hashed = passwords.hashed(new_password)

    def change() -> None:
        user = credentials.lock(proof)
        users.change(user.id, hashed_password=hashed)
        throttle.forget_failures(throttle.bucket_of_user(user.id))
        count = sessions.revoke_all(user.id, clock.now(), keep=context.user().session_id)
        audit.record("password_change", user_id=user.id, metadata={"sessions_revoked": count})

    db.run(change)
