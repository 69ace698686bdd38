"""Queries on sessions, access tokens and refresh tokens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, select, update

from bankapp import db
from bankapp.listing import Page, Window
from bankapp.models import AuthToken, RefreshToken, RefreshTokenRecord, Session, SessionRecord, User
from bankapp.models.types import Id
from bankapp.repositories.listing import page
from bankapp.repositories.selecting import select_record

_LIVE_TOKEN = (
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
_LIVE_TOKEN_OF_USER = _LIVE_TOKEN.where(
    User.id == bindparam("token_user_id", type_=Id), Session.id == bindparam("token_session_id", type_=Id)
)
_SESSIONS = select_record(SessionRecord, Session)
_BY_ID = _SESSIONS.where(Session.id == bindparam("session_id"))
_LOCK = _BY_ID.with_for_update(key_share=True)
_REFRESH_TOKEN = select_record(RefreshTokenRecord, RefreshToken).where(RefreshToken.token_hash == bindparam("hash"))
_OWNER_EMAIL = (select(User.email).join_from(User, RefreshToken, RefreshToken.user_id == User.id)).where(
    RefreshToken.token_hash == bindparam("hash")
)


def guard(jti: str, user_id: str, session_id: str, admit: Callable[[str | None], None]) -> None:
    """Let this request read and write only with a live access token of this user and session.

    ``admit`` gets the role of the token's user as the first statement finds it, or None, and raises the refusal.
    """
    token = {"token_jti": jti, "token_user_id": user_id, "token_session_id": session_id}
    db.guard(_LIVE_TOKEN_OF_USER, token, admit)


def is_live(jti: str) -> bool:
    """Tell whether there is a live access token ``jti`` of any user."""
    return bool(db.rows(_LIVE_TOKEN, {"token_jti": jti}))


def add(session: dict[str, Any]) -> None:
    """Store a new session; the row has its columns by name."""
    db.insert(Session, session)


def add_tokens(auth_token: dict[str, Any], refresh_token: dict[str, Any]) -> None:
    """Store the two tokens of a grant; the rows have their columns by name."""
    db.insert(AuthToken, auth_token)
    db.insert(RefreshToken, refresh_token)


def get(session_id: str) -> SessionRecord | None:
    """Return the session with this id."""
    return db.one(_BY_ID, {"session_id": session_id}, record=SessionRecord)


def lock(session_id: str) -> SessionRecord | None:
    """Lock a session until the transaction ends, and return the session as it is now."""
    return db.one(_LOCK, {"session_id": session_id}, record=SessionRecord)


def live_of_user(user_id: str, now: datetime, window: Window) -> Page[SessionRecord]:
    """Return the sessions of a user that still work, newest first."""
    live = (Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > now)
    return page(_SESSIONS.where(*live), [Session.id], window, SessionRecord)


def knows(email: str, ip_address: str | None, device_id: str | None, since: datetime) -> tuple[bool, bool]:
    """Tell whether this user signed in from this address, and with this device, since a time."""
    recent = select(Session.id).join_from(Session, User).where(User.email == email, Session.created_at > since)
    address = exists(recent.correlate(None).where(Session.ip_address == ip_address))
    device = exists(recent.correlate(None).where(Session.device_id == device_id))
    by_address, by_device = db.one(select(address.label("address"), device.label("device")))
    return bool(by_address), bool(by_device)


def refresh_token(token_hash: str) -> RefreshTokenRecord | None:
    """Return the refresh token with this hash."""
    return db.one(_REFRESH_TOKEN, {"hash": token_hash}, record=RefreshTokenRecord)


def owner_email(token_hash: str) -> str | None:
    """Return the e-mail address of the user whose refresh token has this hash."""
    found: str | None = db.value(_OWNER_EMAIL, {"hash": token_hash})
    return found


def claim_rotation(token_id: str, now: datetime) -> bool:
    """Mark a live refresh token rotated, and tell whether this call was the one that did."""
    live = (
        RefreshToken.id == token_id,
        RefreshToken.rotated_at.is_(None),
        RefreshToken.revoked_at.is_(None),
        RefreshToken.expires_at > now,
    )
    return db.change(update(RefreshToken).where(*live).values(rotated_at=now)) == 1


def touch(session_id: str, now: datetime, ip_address: str | None) -> None:
    """Note that a session was used just now."""
    db.change(update(Session).where(Session.id == session_id).values(last_used_at=now, ip_address=ip_address))


def revoke(session_id: str, now: datetime) -> bool:
    """Revoke a session with every token of it; tell whether it was live until now."""
    return _revoke(Session.id == session_id, now) == 1


def revoke_all(user_id: str, now: datetime, *, keep: str | None = None) -> int:
    """Revoke every live session of a user except ``keep``, and return how many that were."""
    of_user = Session.user_id == user_id
    return _revoke(of_user if keep is None else of_user & (Session.id != keep), now)


def _revoke(which: ColumnElement[bool], now: datetime) -> int:
    # The sessions first: a rotation of a token locks the session's row too, so no two requests wait in a circle.
    revoked = db.change(update(Session).where(which, Session.revoked_at.is_(None)).values(revoked_at=now))
    families = select(Session.id).where(which)
    for model, family in ((AuthToken, AuthToken.session_id), (RefreshToken, RefreshToken.family_id)):
        db.change(update(model).where(family.in_(families), model.revoked_at.is_(None)).values(revoked_at=now))
    return revoked
