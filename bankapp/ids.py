"""Identifiers: UUIDv7 (RFC 9562 §5.7) as lower-case strings, time-ordered and made by the application."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from typing import Final

import uuid_utils

PATTERN: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_BANK: Final = uuid.UUID("6f2d0c5e-8f43-5d4f-9d5b-2f6a3f0c1b7e")
_ID: Final = re.compile(PATTERN)


def new() -> str:
    """Return a new UUIDv7."""
    return str(uuid_utils.uuid7())


def earlier(id: str, by: timedelta) -> str:
    """Return the least id that could have been made ``by`` that much before ``id``."""
    milliseconds = int(id.replace("-", "")[:12], 16) - by // timedelta(milliseconds=1)
    return str(uuid.UUID(int=max(milliseconds, 0) << 80))


def of_bank(name: str) -> str:
    """Return the fixed id of something the bank itself owns (UUIDv5 of ``name``), so no look-up is needed."""
    return str(uuid.uuid5(_BANK, name))


def is_id(text: str) -> bool:
    """Tell whether ``text`` is written like an id of this service."""
    return _ID.fullmatch(text) is not None
