"""The time, in UTC, from one place."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return datetime.now(UTC)


def to_text(moment: datetime) -> str:
    """Write ``moment`` (aware) as RFC 3339 in UTC with microseconds: fixed width, so text order is time order."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def from_text(text: str) -> datetime:
    """Read what :func:`to_text` wrote. Raises ValueError for anything that is no time."""
    return datetime.fromisoformat(text).astimezone(UTC)


def from_timestamp(seconds: float) -> datetime:
    """Return the time ``seconds`` after the Unix epoch."""
    return datetime.fromtimestamp(seconds, UTC)
