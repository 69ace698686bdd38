"""The current time, and the text form of times. All times are aware and in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime

_fixed_time: ContextVar[datetime | None] = ContextVar("bankapp_clock", default=None)


def now() -> datetime:
    """Return the current time, aware and in UTC; inside :func:`at` its time."""
    return _fixed_time.get() or datetime.now(UTC)


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let :func:`now` return ``moment`` (aware) inside the block; for demo data with times in the past."""
    token = _fixed_time.set(moment)
    try:
        yield
    finally:
        _fixed_time.reset(token)


def to_text(moment: datetime) -> str:
    """Return ``moment`` (aware) as RFC 3339 in UTC with microseconds. The width is fixed: text order is time order."""
    text = moment.isoformat(timespec="microseconds")
    if not text.endswith("+00:00"):
        text = moment.astimezone(UTC).isoformat(timespec="microseconds")
    return text[:-6] + "Z"


def from_text(text: str) -> datetime:
    """Return the time of a text that :func:`to_text` wrote. Raises ValueError for a text that is no time."""
    return datetime.fromisoformat(text).astimezone(UTC)


def from_timestamp(seconds: float) -> datetime:
    """Return the time ``seconds`` after the Unix epoch, aware and in UTC."""
    return datetime.fromtimestamp(seconds, UTC)
