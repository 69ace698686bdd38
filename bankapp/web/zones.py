"""The viewer's time zone, which the scripts of the pages name in a header. Without one, times are in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from flask import request

HEADER: Final = "X-Time-Zone"


def zone() -> tzinfo:
    """Return the time zone that the request names (IANA time zone database), or UTC."""
    name = request.headers.get(HEADER, "")
    try:
        return ZoneInfo(name) if name else UTC
    except (ValueError, OSError, ZoneInfoNotFoundError):
        return UTC


def local(value: datetime) -> datetime:
    """Return a time in the viewer's zone."""
    return value.astimezone(zone())


def at(day: date, of_day: time) -> datetime:
    """Return the time ``of_day`` on a day of the viewer, in UTC."""
    return datetime.combine(day, of_day, zone()).astimezone(UTC)
