"""Queries on counted failures to sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, text, update

from bankapp.extensions import db
from bankapp.models import LoginThrottle
from bankapp.models.types import UtcDateTime

# Textual, because both dialects know ON CONFLICT and SQLAlchemy's generic INSERT does not.
_COUNT = text(
    "INSERT INTO login_throttles (bucket, failures, last_attempt_at) VALUES (:bucket, 1, :now)"
    " ON CONFLICT (bucket) DO UPDATE"
    " SET failures = login_throttles.failures + 1, last_attempt_at = excluded.last_attempt_at"
).bindparams(bindparam("now", type_=UtcDateTime))


def get(bucket: str) -> LoginThrottle | None:
    """Return the count of this bucket as it is in the database now."""
    return db.session.get(LoginThrottle, bucket, populate_existing=True)


def count(bucket: str, now: datetime) -> None:
    """Count one more failure."""
    db.session.execute(_COUNT, {"bucket": bucket, "now": now})


def take_turn(bucket: str, last_attempt_at: datetime, now: datetime) -> bool:
    """Note an attempt just now; False when another came since ``last_attempt_at``."""
    taken: Any = db.session.execute(
        update(LoginThrottle)
        .where(LoginThrottle.bucket == bucket, LoginThrottle.last_attempt_at == last_attempt_at)
        .values(last_attempt_at=now)
        .execution_options(synchronize_session=False)
    )
    return bool(taken.rowcount == 1)


def forget(bucket: str) -> None:
    """Forget the failures of this bucket."""
    db.session.execute(
        delete(LoginThrottle).where(LoginThrottle.bucket == bucket).execution_options(synchronize_session=False)
    )
