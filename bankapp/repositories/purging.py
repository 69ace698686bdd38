"""Deletions of expired rows, one batch for each call, so that no statement holds its locks for long.

Each function returns the number of deleted rows; 0 means that none is left.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, delete, select

from bankapp import db
from bankapp.models import AuthToken, LoginThrottle, RefreshToken, SecondFactor, Session

BATCH: Final = 2_000


def auth_tokens(expired_before: datetime) -> int:
    """Delete access tokens that expired before a time."""
    return _delete(AuthToken, AuthToken.id, AuthToken.expires_at < expired_before)


def refresh_tokens(sessions_before: datetime) -> int:
    """Delete refresh tokens whose session expired before a time.

    Their own expiry does not count: during the session, the reuse of a rotated token must be recognised.
    """
    families = select(Session.id).where(Session.expires_at < sessions_before)
    return _delete(RefreshToken, RefreshToken.id, RefreshToken.family_id.in_(families))


def sessions(expired_before: datetime) -> int:
    """Delete sessions that expired before a time. Their tokens must have been deleted."""
    return _delete(Session, Session.id, Session.expires_at < expired_before)


def throttles(before: datetime) -> int:
    """Delete counts of failed sign-ins without an attempt since a time."""
    return _delete(LoginThrottle, LoginThrottle.bucket, LoginThrottle.last_attempt_at < before)


def unconfirmed_factors(before: datetime) -> int:
    """Delete second factors that were created before a time and never confirmed."""
    return _delete(
        SecondFactor, SecondFactor.user_id, SecondFactor.confirmed_at.is_(None) & (SecondFactor.created_at < before)
    )


def _delete(model: Any, key: Any, condition: ColumnElement[bool]) -> int:
    batch = select(key).where(condition).limit(BATCH)
    return db.change(delete(model).where(key.in_(batch)))
