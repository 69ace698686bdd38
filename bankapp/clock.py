"""The time, in UTC, from one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_told: ContextVar[datetime | None] = ContextVar("bankapp_clock", default=None)


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return _told.get() or datetime.now(UTC)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let :func:`now` answer ``moment`` (aware) inside the block: only demo data has a past to be told."""
    token = _told.set(moment)
    try:
        yield
    finally:
        _told.reset(token)


def to_text(moment: datetime) -> str:
    """Write ``moment`` (aware) as RFC 3339 in UTC with microseconds: fixed width, so text order is time order."""
    text = moment.isoformat(timespec="microseconds")
    if not text.endswith("+00:00"):
        text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text[:-6] + "Z"


def from_text(text: str) -> datetime:
    """Read what :func:`to_text` wrote. Raises ValueError for anything that is no time."""
    return datetime.fromisoformat(text).astimezone(UTC)


def from_timestamp(seconds: float) -> datetime:
    """Return the time ``seconds`` after the Unix epoch."""
    return datetime.fromtimestamp(seconds, UTC)
