"""Who gets in, for how long, and how they are thrown out."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import date, datetime

from bankapp import clock, context, database, errors, ids
from bankapp.listing import Page, Window
from bankapp.models import AccountHolder, AuthToken, RefreshToken, Session, User
from bankapp.repositories import sessions, users
from bankapp.services import access, account_holders, audit, passwords


@dataclass(frozen=True, slots=True)
class Person:
    """What makes a user an account holder."""

    first_name: str
    last_name: str
    dob: date


@dataclass(frozen=True, slots=True)
class Grant:
    """What a sign-in or refresh yields; the edge signs the access token from it. Times are aware, in UTC."""

    user_id: str
    session_id: str
    jti: str
    issued_at: datetime
    expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


def fold_email(email: str) -> str:
    """Return the one spelling under which an e-mail address is known."""
    return email.strip().casefold()


def signup(email: str, password: str, person: Person | None) -> tuple[User, AccountHolder | None]:
    """Create a customer, and their account holder when ``person`` comes along, in one transaction.

    Raises EmailTaken, or ValidationFailed for a guessable password or somebody under 18.
    """
    email = fold_email(email)
    words = (email, person.first_name, person.last_name) if person else (email,)
    passwords.check(password, *words)
    hashed = passwords.hashed(password)

    def create() -> tuple[User, AccountHolder | None]:
        user = create_user(email, hashed, context.CUSTOMER)
        holder = None
        if person:
            holder = account_holders.add(user.id, person.first_name, person.last_name, person.dob)
        audit.record("signup", user_id=user.id)
        return user, holder

    return database.run(create)


def create_user(email: str, hashed_password: str, role: str) -> User:
    """Store a user, in the caller's transaction. Raises EmailTaken."""
    user = User(
        id=ids.new(),
        email=fold_email(email),
        hashed_password=hashed_password,
        role=role,
        status="active",
        created_at=clock.now(),
    )
    users.add(user)
    return user


def login(email: str, password: str) -> Grant:
    """Open a session. Raises InvalidCredentials, the same for a wrong e-mail and a wrong password."""
    user = users.by_email(fold_email(email))
    matched = passwords.matches(password, user.hashed_password if user else None)
    if user is None or not matched or user.status != "active":
        refusal = errors.InvalidCredentials("E-mail or password is wrong.")
        audit.record("login", user_id=user.id if user else None, failure=refusal)
        raise refusal
    rehashed = passwords.hashed(password) if passwords.is_outdated(user.hashed_password) else None

    def open_session() -> Grant:
        if rehashed is not None:
            user.hashed_password = rehashed
        now = clock.now()
        current = context.current()
        session = Session(
            id=ids.new(),
            user_id=user.id,
            ip_address=current.ip_address,
            device_id=current.device_id,
            created_at=now,
            last_used_at=now,
            expires_at=now + context.config().session_lifetime,
        )
        sessions.add(session)
        grant = _issue(session, now)
        audit.record("login", user_id=user.id, resource_type="session", resource_id=session.id)
        return grant

    return database.run(open_session)


def refresh(refresh_token: str) -> Grant:
    """Exchange a refresh token for a new pair; the old one is dead.

    Raises RefreshTokenInvalid, or RefreshTokenReused when the token was exchanged before: then two
    parties hold it, and the whole session with every token of it is revoked (RFC 9700 §4.14.2).
    """

    def rotate() -> Grant | errors.BankError:
        now = clock.now()
        token = sessions.refresh_token(_hash(refresh_token))
        if token is None or token.expires_at <= now or token.session.expires_at <= now:
            return errors.RefreshTokenInvalid("The refresh token is unknown or has expired.")
        session = token.session
        if session.revoked_at is not None or session.user.status != "active":
            return errors.RefreshTokenInvalid("The session has ended.")
        if not sessions.claim_rotation(token.id, now):
            sessions.revoke(session.id, now)
            reuse = errors.RefreshTokenReused("The refresh token was used before; the session is revoked.")
            audit.record(
                "token_reuse",
                user_id=token.user_id,
                resource_type="session",
                resource_id=session.id,
                failure=reuse,
            )
            return reuse
        sessions.touch(session.id, now, context.current().ip_address)
        audit.record("token_refresh", user_id=token.user_id, resource_type="session", resource_id=session.id)
        return _issue(session, now)

    # A refusal is returned, not raised, so that the revocation it may carry is committed.
    outcome = database.run(rotate)
    if isinstance(outcome, errors.BankError):
        raise outcome
    return outcome


def authenticate(jti: str) -> context.User:
    """Return whoever holds the live access token ``jti``. Raises TokenRevoked. One query."""
    bearer = sessions.bearer(jti)
    if bearer is None:
        raise errors.TokenRevoked("The token is no longer valid.")
    return context.User(bearer.id, bearer.email, bearer.role, bearer.session_id, jti)


def me() -> User:
    """Return the user who is asking."""
    user = users.get(context.user().id)
    if user is None:
        raise access.not_found("user")
    return user


def logout() -> None:
    """End the current session; its tokens are dead at once."""
    revoke_session(context.user().session_id, event_type="logout")


def list_sessions(window: Window) -> Page[Session]:
    """Return the caller's live sessions, newest first."""
    return sessions.live_of_user(context.user().id, clock.now(), window)


def revoke_session(session_id: str, *, event_type: str = "session_revoke") -> None:
    """End one of the caller's sessions. Raises NotFound."""

    def revoke() -> None:
        session = sessions.get(session_id)
        access.own(session.user_id if session else None, "session")
        if not sessions.revoke(session_id, clock.now()):
            raise access.not_found("session")
        audit.record(event_type, user_id=context.user().id, resource_type="session", resource_id=session_id)

    database.run(revoke)


def revoke_sessions() -> None:
    """End all of the caller's sessions, this one too."""

    def revoke() -> None:
        user_id = context.user().id
        count = sessions.revoke_all(user_id, clock.now())
        audit.record("session_revoke", user_id=user_id, metadata={"count": count})

    database.run(revoke)


def change_password(current_password: str, new_password: str) -> None:
    """Set a new password and end every other session. Raises InvalidCredentials or ValidationFailed."""
    user = me()
    if not passwords.matches(current_password, user.hashed_password):
        refusal = errors.InvalidCredentials("The current password is wrong.")
        audit.record("password_change", user_id=user.id, failure=refusal)
        raise refusal
    passwords.check(new_password, user.email, field="new_password")
    hashed = passwords.hashed(new_password)

    def change() -> None:
        me().hashed_password = hashed
        count = sessions.revoke_all(user.id, clock.now(), keep=context.user().session_id)
        audit.record("password_change", user_id=user.id, metadata={"sessions_revoked": count})

    database.run(change)


def _issue(session: Session, now: datetime) -> Grant:
    settings = context.config()
    current = context.current()
    refresh_token = secrets.token_urlsafe(32)
    grant = Grant(
        user_id=session.user_id,
        session_id=session.id,
        jti=ids.new(),
        issued_at=now,
        expires_at=min(now + settings.access_token_lifetime, session.expires_at),
        refresh_token=refresh_token,
        refresh_expires_at=min(now + settings.refresh_token_idle, session.expires_at),
    )
    sessions.add(
        AuthToken(
            id=ids.new(),
            user_id=session.user_id,
            session_id=session.id,
            jti=grant.jti,
            issued_at=now,
            expires_at=grant.expires_at,
        ),
        RefreshToken(
            id=ids.new(),
            user_id=session.user_id,
            token_hash=_hash(refresh_token),
            family_id=session.id,
            issued_at=now,
            expires_at=grant.refresh_expires_at,
            ip_address=current.ip_address,
            device_id=current.device_id,
        ),
    )
    return grant


def _hash(refresh_token: str) -> str:
    # 256 random bits need no salt and no slow hash; only the database must not hold the token itself.
    return hashlib.sha256(refresh_token.encode()).hexdigest()
