"""Access and refresh tokens: issued, exchanged, looked up, purged."""

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


def issue(session: SessionRecord, now: datetime) -> Grant:
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
    """Exchange a refresh token for a new pair; the old one is dead.

    Raises RefreshTokenInvalid, or RefreshTokenReused when the token was exchanged before: then two
    parties hold it, and the whole session with every token of it is revoked (RFC 9700 §4.14.2).
    """
    # A refusal is returned, not raised, so that the revocation it may carry is committed.
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
    # The end of a session locks the session's row too: a token is rotated before that or not at all.
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
    reuse = errors.RefreshTokenReused("The refresh token was used before; the session is revoked.")
    audit.record("token_reuse", user_id=token.user_id, resource_type="session", resource_id=session.id, failure=reuse)
    return reuse


def owner_of(refresh_token: str) -> str | None:
    """Return the e-mail address of the user whose refresh token this is, for limits. Raises Unavailable."""
    return sessions.owner_email(_hash(refresh_token))


def authenticate_request(user_id: str, session_id: str, jti: str) -> None:
    """Let this request act for the holder of the access token ``jti``, if the token is live.

    The request's first statement checks that, by one query that it carries along. ``context.user`` returns the
    user from then on; asked earlier, it checks the token by a statement of its own. The check raises
    TokenRevoked, or TokenInvalid where the token is live but not of this user and session.
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
    while deleted := db.run(delete_batch):
        total += deleted
    return total


def _hash(refresh_token: str) -> str:
    # 256 random bits need no salt and no slow hash; only the database must not hold the token itself.
    return hashlib.sha256(refresh_token.encode()).hexdigest()
