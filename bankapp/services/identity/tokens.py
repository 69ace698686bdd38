"""Access and refresh tokens: issue, exchange, check and purge."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bankapp import clock, context, db, errors, ids
from bankapp.models import SessionRecord
from bankapp.repositories import purging, sessions
from bankapp.services import audit
from bankapp.services.identity import throttle

RETENTION: Final = timedelta(days=1)
"""How long :func:`purge` leaves expired access tokens, idle counts and unconfirmed second factors."""

SESSION_RETENTION: Final = throttle.FAMILIAR_FOR
"""How long :func:`purge` leaves expired sessions: known addresses and devices are read from them."""


@dataclass(frozen=True, slots=True)
class Grant:
    """The result of a sign-in or refresh. The API signs the access token from it. Times are aware, in UTC."""

    user_id: str
    session_id: str
    jti: str
    issued_at: datetime
    expires_at: datetime
    refresh_token: str = field(repr=False)
    refresh_expires_at: datetime


def issue(session: SessionRecord, now: datetime) -> Grant:
    """Make and store a pair of tokens for a session, in the caller's transaction."""
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
    issued = {"user_id": session.user_id, "issued_at": now}
    access_row = {"id": ids.new(), "session_id": session.id, "jti": grant.jti, "expires_at": grant.expires_at}
    refresh_row = {
        "id": ids.new(),
        "token_hash": _hash(refresh_token),
        "family_id": session.id,
        "expires_at": grant.refresh_expires_at,
        "ip_address": current.ip_address,
        "device_id": current.device_id,
    }
    sessions.add_tokens(issued | access_row, issued | refresh_row)
    return grant


def refresh(refresh_token: str) -> Grant:
    """Exchange a refresh token for a new pair of tokens; the old refresh token becomes invalid.

    Raises RefreshTokenInvalid. Raises RefreshTokenReused for a token that was already exchanged: two parties
    may hold that token, so its session and every token of the session are revoked (RFC 9700 §4.14.2).
    """
    # A refusal is returned, not raised, so that a revocation made with it is committed.
    outcome = db.run(lambda: _rotate(_hash(refresh_token)))
    if isinstance(outcome, errors.RefreshTokenInvalid):
        audit.record("token_refresh", failure=outcome)
    if isinstance(outcome, errors.BankError):
        raise outcome
    return outcome


def _rotate(token_hash: str) -> Grant | errors.BankError:
    token = sessions.refresh_token(token_hash)
    if token is None:
        return errors.RefreshTokenInvalid("The refresh token is unknown.")
    # Revoking a session locks the same row, so a token is rotated before the revocation or not at all.
    session = sessions.lock(token.family_id)
    assert session is not None, "a session outlives its tokens"
    now = clock.now()
    if sessions.claim_rotation(token.id, now):
        sessions.touch(session.id, now, context.current().ip_address)
        audit.record("token_refresh", user_id=token.user_id, resource_type="session", resource_id=session.id)
        return issue(session, now)
    token = sessions.refresh_token(token_hash)
    if token is None or token.rotated_at is None:
        return errors.RefreshTokenInvalid("The refresh token has expired, or its session has ended.")
    sessions.revoke(session.id, now)
    reuse = errors.RefreshTokenReused("The refresh token was already used. Its session is revoked.")
    audit.record("token_reuse", user_id=token.user_id, resource_type="session", resource_id=session.id, failure=reuse)
    return reuse


def owner_of(refresh_token: str) -> str | None:
    """Return the e-mail address of a refresh token's user, by which requests are limited. Raises Unavailable."""
    return sessions.owner_email(_hash(refresh_token))


def authenticate_request(user_id: str, session_id: str, jti: str) -> None:
    """Let this request act for the user of the access token ``jti``, if the token is live.

    The request's first statement checks the token by an added query. ``context.user`` returns the user after
    that; called earlier, it checks the token by a separate statement. The check raises TokenRevoked, or
    TokenInvalid for a live token of another user or session.
    """

    def admit(role: str | None) -> None:
        if role is None:
            if sessions.is_live(jti):
                raise errors.TokenInvalid("The access token is not valid.")
            raise errors.TokenRevoked("The token is no longer valid.")
        context.update(user=context.User(user_id, role, session_id, jti))

    sessions.guard(jti, user_id, session_id, admit)
    context.update(subject=user_id, authenticate=db.check_guard)


def purge() -> dict[str, int]:
    """Delete expired rows in transactions of a limited size; return the number of deleted rows by their kind."""
    now = clock.now()
    before, sessions_before = now - RETENTION, now - SESSION_RETENTION
    return {
        "access tokens": _repeat(lambda: purging.auth_tokens(before)),
        "refresh tokens": _repeat(lambda: purging.refresh_tokens(sessions_before)),
        "sessions": _repeat(lambda: purging.sessions(sessions_before)),
        "counts of failed sign-ins": _repeat(lambda: purging.throttles(before)),
        "unconfirmed second factors": _repeat(lambda: purging.unconfirmed_factors(before)),
    }


def _repeat(delete_batch: Callable[[], int]) -> int:
    total = 0
    while deleted := db.run(delete_batch):
        total += deleted
    return total


def _hash(refresh_token: str) -> str:
    # 256 random bits need neither a salt nor a slow hash. The hash keeps the token itself out of the database.
    return hashlib.sha256(refresh_token.encode()).hexdigest()
