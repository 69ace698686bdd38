"""Queries on the counts of failed sign-ins."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import bindparam, delete, text, update

from bankapp import db
from bankapp.models import LoginThrottle, LoginThrottleRecord
from bankapp.models.types import UtcDateTime
from bankapp.repositories.selecting import select_record

_BY_BUCKET = select_record(LoginThrottleRecord, LoginThrottle).where(LoginThrottle.bucket == bindparam("bucket"))
# Textual: both dialects have ON CONFLICT, and SQLAlchemy's generic INSERT does not.
_COUNT = text(
    "INSERT INTO login_throttles (bucket, failures, last_attempt_at) VALUES (:bucket, 1, :now)"
    " ON CONFLICT (bucket) DO UPDATE"
    " SET failures = login_throttles.failures + 1, last_attempt_at = excluded.last_attempt_at"
).bindparams(bindparam("now", type_=UtcDateTime))


def get(bucket: str) -> LoginThrottleRecord | None:
    """Return the count of this bucket, or None."""
    return db.one(_BY_BUCKET, {"bucket": bucket}, record=LoginThrottleRecord)


def count(bucket: str, now: datetime) -> None:
    """Add one failure to the count of this bucket."""
    db.change(_COUNT, {"bucket": bucket, "now": now})


def take_turn(bucket: str, last_attempt_at: datetime, now: datetime) -> bool:
    """Store ``now`` as the time of the last attempt; False if another attempt came since ``last_attempt_at``."""
    unchanged = (LoginThrottle.bucket == bucket, LoginThrottle.last_attempt_at == last_attempt_at)
    return db.change(update(LoginThrottle).where(*unchanged).values(last_attempt_at=now)) == 1


def forget(bucket: str) -> None:
    """Delete the count of this bucket."""
    db.change(delete(LoginThrottle).where(LoginThrottle.bucket == bucket))
