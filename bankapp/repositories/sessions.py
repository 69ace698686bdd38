"""Queries on sessions, access tokens and refresh tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, select, update

from bankapp import connections
from bankapp.extensions import db
from bankapp.listing import Page, Window
from bankapp.models import AuthToken, RefreshToken, Session, User
from bankapp.models.types import Id
from bankapp.repositories.listing import page

_LIVE = (
    select(User.role)
    .join_from(AuthToken, Session, AuthToken.session_id == Session.id)
    .join(User, User.id == AuthToken.user_id)
    .where(
        AuthToken.jti == bindparam("token_jti"),
        AuthToken.revoked_at.is_(None),
        Session.revoked_at.is_(None),
        User.status == "active",
    )
)


_LIVE_OF_BEARER = _LIVE.where(
    User.id == bindparam("token_user_id", type_=Id), Session.id == bindparam("token_session_id", type_=Id)
)


def guard(jti: str, user_id: str, session_id: str, admit: Callable[[str | None], None]) -> None:
    """Let a request read and write only with a live access token of this user and session.

    ``admit`` is told the role of its user as the first statement finds it, or None, and raises the refusal.
    """
    token = {"token_jti": jti, "token_user_id": user_id, "token_session_id": session_id}
    connections.guard(_LIVE_OF_BEARER, token, admit)


def is_live(jti: str) -> bool:
    """Tell whether there is a live access token ``jti``, whosever it is."""
    return bool(connections.rows(_LIVE, {"token_jti": jti}))


def add(*rows: Session | AuthToken | RefreshToken) -> None:
    """Store new rows."""
    for row in rows:
        db.session.add(row)
        db.session.flush()


def get(session_id: str) -> Session | None:
    """Return the session with this id."""
    return db.session.get(Session, session_id)


def lock(session_id: str) -> Session:
    """Lock a session that exists until the transaction ends, and return it as it is now."""
    query = select(Session).where(Session.id == session_id).with_for_update(key_share=True)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def live_of_user(user_id: str, now: datetime, window: Window) -> Page[Session]:
    """Return the sessions of a user that still work, newest first."""
    query = select(Session).where(Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > now)
    return page(query, [Session.id], window)


def knows(email: str, ip_address: str | None, device_id: str | None, since: datetime) -> tuple[bool, bool]:
    """Tell whether this user signed in from this address, and with this device, since a time."""
    theirs = select(Session.id).join(User).where(User.email == email, Session.created_at > since).correlate(None)
    address = exists(theirs.where(Session.ip_address == ip_address))
    device = exists(theirs.where(Session.device_id == device_id))
    by_address, by_device = db.session.execute(select(address, device)).one()
    return bool(by_address), bool(by_device)


def refresh_token(token_hash: str) -> RefreshToken | None:
    """Return the refresh token with this hash as it is in the database now."""
    query = select(RefreshToken).where(RefreshToken.token_hash == token_hash)
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def owner_email(token_hash: str) -> str | None:
    """Return the e-mail address of the user whose refresh token has this hash."""
    query = select(User.email).join(RefreshToken, RefreshToken.user_id == User.id)
    return db.session.scalars(query.where(RefreshToken.token_hash == token_hash)).one_or_none()


def claim_rotation(token_id: str, now: datetime) -> bool:
    """Mark a live refresh token rotated, and tell whether this call was the one that did."""
    claimed: Any = db.session.execute(
        update(RefreshToken)
        .where(
            RefreshToken.id == token_id,
            RefreshToken.rotated_at.is_(None),
            RefreshToken.revoked_at.is_(None),
            RefreshToken.expires_at > now,
        )
        .values(rotated_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(claimed.rowcount == 1)


def touch(session_id: str, now: datetime, ip_address: str | None) -> None:
    """Note that a session was used just now."""
    db.session.execute(update(Session).where(Session.id == session_id).values(last_used_at=now, ip_address=ip_address))


def revoke(session_id: str, now: datetime) -> bool:
    """Revoke a session with every token of it; tell whether it was live until now."""
    return _revoke(Session.id == session_id, now) == 1


def revoke_all(user_id: str, now: datetime, *, keep: str | None = None) -> int:
    """Revoke every live session of a user except ``keep``, and return how many that were."""
    whose = Session.user_id == user_id
    return _revoke(whose if keep is None else whose & (Session.id != keep), now)


def _revoke(which: ColumnElement[bool], now: datetime) -> int:
    # The sessions first: whoever rotates a token of one holds its row, so nobody waits in a circle.
    revoked: Any = db.session.execute(
        update(Session)
        .where(which, Session.revoked_at.is_(None))
        .values(revoked_at=now)
        .execution_options(synchronize_session=False)
    )
    families = select(Session.id).where(which)
    for model, family in ((AuthToken, AuthToken.session_id), (RefreshToken, RefreshToken.family_id)):
        db.session.execute(
            update(model)
            .where(family.in_(families), model.revoked_at.is_(None))
            .values(revoked_at=now)
            .execution_options(synchronize_session=False)
        )
    return int(revoked.rowcount)
