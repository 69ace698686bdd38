"""Access and refresh tokens: issued, exchanged, looked up, purged."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bankapp import clock, connections, context, database, driver_errors, errors, ids
from bankapp.models import AuthToken, RefreshToken, Session
from bankapp.repositories import purging, sessions
from bankapp.services import audit
from bankapp.services.identity import throttle

KEPT: Final = timedelta(days=1)

SESSIONS_KEPT: Final = throttle.FAMILIAR_FOR
"""As long as an address or device is known by them."""


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


def issue(session: Session, now: datetime) -> Grant:
    """Make a pair of tokens for a session, in the caller's transaction."""
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


def refresh(refresh_token: str) -> Grant:
    """Exchange a refresh token for a new pair; the old one is dead.

    Raises RefreshTokenInvalid, or RefreshTokenReused when the token was exchanged before: then two
    parties hold it, and the whole session with every token of it is revoked (RFC 9700 §4.14.2).
    """
    # A refusal is returned, not raised, so that the revocation it may carry is committed.
    outcome = database.run(lambda: _rotate(_hash(refresh_token)))
    if isinstance(outcome, errors.RefreshTokenInvalid):
        audit.record("token_refresh", failure=outcome)
    if isinstance(outcome, errors.BankError):
        raise outcome
    return outcome


def _rotate(token_hash: str) -> Grant | errors.BankError:
    token = sessions.refresh_token(token_hash)
    if token is None:
        return errors.RefreshTokenInvalid("The refresh token is unknown.")
    # Whoever ends the session holds its row, too: a token is rotated before that or not at all.
    session = sessions.lock(token.family_id)
    now = clock.now()
    if sessions.claim_rotation(token.id, now):
        sessions.touch(session.id, now, context.current().ip_address)
        audit.record("token_refresh", user_id=token.user_id, resource_type="session", resource_id=session.id)
        return issue(session, now)
    token = sessions.refresh_token(token_hash)
    if token is None or token.rotated_at is None:
        return errors.RefreshTokenInvalid("The refresh token has expired, or its session has ended.")
    sessions.revoke(session.id, now)
    reuse = errors.RefreshTokenReused("The refresh token was used before; the session is revoked.")
    audit.record("token_reuse", user_id=token.user_id, resource_type="session", resource_id=session.id, failure=reuse)
    return reuse


def owner_of(refresh_token: str) -> str | None:
    """Return the e-mail address of the user whose refresh token this is, for limits. Raises Unavailable."""
    with driver_errors.translated():
        return sessions.owner_email(_hash(refresh_token))


def present(user_id: str, session_id: str, jti: str) -> None:
    """Begin a request in the name of whoever holds the access token ``jti``, if it still counts.

    That is looked up with the first statement of the request, or before it, by one query. Whatever makes that
    statement raises TokenRevoked, or TokenInvalid where the token is live but not this user's and session's.
    """

    def admit(role: str | None) -> None:
        if role is None:
            if sessions.is_live(jti):
                raise errors.TokenInvalid("The access token is not valid.")
            raise errors.TokenRevoked("The token is no longer valid.")
        context.update(user=context.User(user_id, role, session_id, jti))

    sessions.guard(jti, user_id, session_id, admit)
    context.update(bearer=context.Bearer(user_id, connections.pass_gate))


def purge() -> dict[str, int]:
    """Delete what is long dead, in transactions of a limited size; return how many rows of what went."""
    now = clock.now()
    recently, once = now - KEPT, now - SESSIONS_KEPT
    return {
        "access tokens": _repeat(lambda: purging.auth_tokens(recently)),
        "refresh tokens": _repeat(lambda: purging.refresh_tokens(once)),
        "sessions": _repeat(lambda: purging.sessions(once)),
        "counts of failed sign-ins": _repeat(lambda: purging.throttles(recently)),
        "unconfirmed second factors": _repeat(lambda: purging.unconfirmed_factors(recently)),
    }


def _repeat(delete_batch: Callable[[], int]) -> int:
    total = 0
    while deleted := database.run(delete_batch):
        total += deleted
    return total


def _hash(refresh_token: str) -> str:
    # 256 random bits need no salt and no slow hash; only the database must not hold the token itself.
    return hashlib.sha256(refresh_token.encode()).hexdigest()
