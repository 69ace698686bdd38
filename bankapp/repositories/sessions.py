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
    """Require a live access token of this user and session for every statement of this request.

    The first statement checks the token. ``admit`` gets the role of its user, or None, and raises the refusal.
    """
    token = {"token_jti": jti, "token_user_id": user_id, "token_session_id": session_id}
    db.guard(_LIVE_TOKEN_OF_USER, token, admit)


def is_live(jti: str) -> bool:
    """Tell whether the access token ``jti`` is live, for any user and session."""
    return bool(db.rows(_LIVE_TOKEN, {"token_jti": jti}))


def add(session: dict[str, Any]) -> None:
    """Store a new session; ``session`` has the columns by name."""
    db.insert(Session, session)


def add_tokens(auth_token: dict[str, Any], refresh_token: dict[str, Any]) -> None:
    """Store an access token and a refresh token; the rows have the columns by name."""
    db.insert(AuthToken, auth_token)
    db.insert(RefreshToken, refresh_token)


def get(session_id: str) -> SessionRecord | None:
    """Return the session with this id, or None."""
    return db.one(_BY_ID, {"session_id": session_id}, record=SessionRecord)


def lock(session_id: str) -> SessionRecord | None:
    """Lock the session with this id until the transaction ends and return it, or None."""
    return db.one(_LOCK, {"session_id": session_id}, record=SessionRecord)


def live_of_user(user_id: str, now: datetime, window: Window) -> Page[SessionRecord]:
    """Return a user's sessions that are neither revoked nor expired, newest first."""
    live = (Session.user_id == user_id, Session.revoked_at.is_(None), Session.expires_at > now)
    return page(_SESSIONS.where(*live), [Session.id], window, SessionRecord)


def are_known(email: str, ip_address: str | None, device_id: str | None, since: datetime) -> tuple[bool, bool]:
    """Tell whether the user signed in from this IP address, and with this device, since a time."""
    recent = select(Session.id).join_from(Session, User).where(User.email == email, Session.created_at > since)
    address = exists(recent.correlate(None).where(Session.ip_address == ip_address))
    device = exists(recent.correlate(None).where(Session.device_id == device_id))
    address_known, device_known = db.one(select(address.label("address"), device.label("device")))
    return bool(address_known), bool(device_known)


def refresh_token(token_hash: str) -> RefreshTokenRecord | None:
    """Return the refresh token with this hash, or None."""
    return db.one(_REFRESH_TOKEN, {"hash": token_hash}, record=RefreshTokenRecord)


def owner_email(token_hash: str) -> str | None:
    """Return the e-mail address of the user whose refresh token has this hash, or None."""
    email: str | None = db.value(_OWNER_EMAIL, {"hash": token_hash})
    return email


def claim_rotation(token_id: str, now: datetime) -> bool:
    """Mark a live refresh token rotated; False if it is rotated, revoked or expired."""
    live = (
        RefreshToken.id == token_id,
        RefreshToken.rotated_at.is_(None),
        RefreshToken.revoked_at.is_(None),
        RefreshToken.expires_at > now,
    )
    return db.change(update(RefreshToken).where(*live).values(rotated_at=now)) == 1


def touch(session_id: str, now: datetime, ip_address: str | None) -> None:
    """Store the time and the IP address of a session's last use."""
    db.change(update(Session).where(Session.id == session_id).values(last_used_at=now, ip_address=ip_address))


def revoke(session_id: str, now: datetime) -> bool:
    """Revoke a session and its tokens; False if the session does not exist or is already revoked."""
    return _revoke(Session.id == session_id, now) == 1


def revoke_all(user_id: str, now: datetime, *, keep: str | None = None) -> int:
    """Revoke the sessions of a user except ``keep``, with their tokens; return how many sessions were revoked."""
    of_user = Session.user_id == user_id
    return _revoke(of_user if keep is None else of_user & (Session.id != keep), now)


def _revoke(condition: ColumnElement[bool], now: datetime) -> int:
    # The sessions first: the rotation of a token also locks the session's row first, so no deadlock can arise.
    revoked = db.change(update(Session).where(condition, Session.revoked_at.is_(None)).values(revoked_at=now))
    families = select(Session.id).where(condition)
    for model, family in ((AuthToken, AuthToken.session_id), (RefreshToken, RefreshToken.family_id)):
        db.change(update(model).where(family.in_(families), model.revoked_at.is_(None)).values(revoked_at=now))
    return revoked
