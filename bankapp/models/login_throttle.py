"""Counts of failed sign-ins."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Model, UtcDateTime


class LoginThrottle(Model):
    """The number of consecutive failures in one ``bucket``, a digest (see services/identity/throttle.py)."""

    __tablename__ = "login_throttles"
    __table_args__ = (Index(None, "last_attempt_at"),)

    bucket: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LoginThrottleRecord(NamedTuple):
    """A count of failed sign-ins as it was read."""

    failures: int
    last_attempt_at: datetime
