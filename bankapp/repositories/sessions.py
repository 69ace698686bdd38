"""Queries on sessions, access tokens and refresh tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select, update

from bankapp.extensions import db
from bankapp.listing import Page, Window
from bankapp.models import AuthToken, RefreshToken, Session, User
from bankapp.repositories.listing import page

_BEARER = (
    select(User.id, User.email, User.role, Session.id.label("session_id"))
    .join_from(AuthToken, Session, AuthToken.session_id == Session.id)
    .join(User, User.id == AuthToken.user_id)
    .where(
        AuthToken.jti == bindparam("jti"),
        AuthToken.revoked_at.is_(None),
        Session.revoked_at.is_(None),
        User.status == "active",
    )
)


def bearer(jti: str) -> Row[str, str, str, str] | None:
    """Return ``id, email, role, session_id`` of whoever holds the live access token ``jti``."""
    return db.session.execute(_BEARER, {"jti": jti}).one_or_none()


def add(*rows: Session | AuthToken | RefreshToken) -> None:
    """Store new rows."""
    for row in rows:
        db.session.add(row)
        db.session.flush()


def get(session_id: str) -> Session | None:
    """Return the session with this id."""
    return db.session.get(Session, session_id)


def live_of_user(user_id: str, now: datetime, window: Window) -> Page[Session]:
    """Return the sessions of a user that still work, newest first."""
    query = select(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > now)
    return page(query, [Session.id], window)


def refresh_token(token_hash: str) -> RefreshToken | None:
    """Return the refresh token with this hash."""
    return db.session.scalars(select(RefreshToken).where(RefreshToken.token_hash == token_hash)).one_or_none()


def claim_rotation(token_id: str, now: datetime) -> bool:
    """Mark a refresh token rotated, and tell whether this call was the one that did."""
    claimed: Any = db.session.execute(
        update(RefreshToken)
        .where(RefreshToken.id == token_id, RefreshToken.rotated_at.is_(None), RefreshToken.revoked_at.is_(None))
        .values(rotated_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(claimed.rowcount == 1)


def touch(session_id: str, now: datetime, ip_address: str | None) -> None:
    """Note that a session was used just now."""
    db.session.execute(update(Session).where(Session.id == session_id).values(last_used_at=now, ip_address=ip_address))


def revoke(session_id: str, now: datetime) -> bool:
    """Revoke a session with every token of it; tell whether it was live until now."""
    revoked: Any = db.session.execute(
        update(Session).where(Session.id == session_id, Session.revoked_at.is_(None)).values(revoked_at=now)
    )
    for model, family in ((AuthToken, AuthToken.session_id), (RefreshToken, RefreshToken.family_id)):
        db.session.execute(update(model).where(family == session_id, model.revoked_at.is_(None)).values(revoked_at=now))
    return bool(revoked.rowcount == 1)


def revoke_all(user_id: str, now: datetime, *, keep: str | None = None) -> int:
    """Revoke every live session of a user except ``keep``, and return how many that were."""
    query = select(Session.id).where(Session.user_id == user_id, Session.revoked_at.is_(None))
    ids = [session_id for session_id in db.session.scalars(query) if session_id != keep]
    for session_id in ids:
        revoke(session_id, now)
    return len(ids)
