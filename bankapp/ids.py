"""Identifiers (UUIDv7, RFC 9562 §5.7, as lower-case strings) and the digits of account and card numbers.

Both are drawn from the system's secure generator, so that they cannot be guessed. Demo data draws them from a
seeded generator by :func:`drawn_from`, so that every run makes the same data.
"""

from __future__ import annotations

import random
import re
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from typing import Final

import uuid_utils

PATTERN: Final = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

FIRST: Final = "00000000-0000-0000-0000-000000000000"
"""Less than every id."""

_BANK: Final = uuid.UUID("6f2d0c5e-8f43-5d4f-9d5b-2f6a3f0c1b7e")
_ID: Final = re.compile(PATTERN)


class _Seeded:
    """A generator of ids and digits that are the same for the same seed and times."""

    def __init__(self, source: random.Random, now: Callable[[], datetime]) -> None:
        self._source = source
        self._now = now
        self._count = 0

    def new(self) -> str:
        # A counter after the milliseconds keeps the order of ids with the same time (RFC 9562 §6.2, method 1).
        self._count = (self._count + 1) % 0x1000
        high = int(self._now().timestamp() * 1000) << 80 | 7 << 76 | self._count << 64
        return str(uuid.UUID(int=high | 0b10 << 62 | self._source.getrandbits(62)))

    def below(self, limit: int) -> int:
        return self._source.randrange(limit)


_seeded: ContextVar[_Seeded | None] = ContextVar("bankapp_ids", default=None)


def new() -> str:
    """Return a new UUIDv7 (RFC 9562 §5.7)."""
    seeded = _seeded.get()
    return seeded.new() if seeded else str(uuid_utils.uuid7())


def digits(count: int) -> str:
    """Return ``count`` random decimal digits."""
    seeded = _seeded.get()
    number = seeded.below(10**count) if seeded else secrets.randbelow(10**count)
    return f"{number:0{count}d}"


@contextmanager
def drawn_from(source: random.Random, now: Callable[[], datetime]) -> Iterator[None]:
    """Draw ids and digits from ``source``, and their times from ``now``, inside the block. They can be guessed."""
    token = _seeded.set(_Seeded(source, now))
    try:
        yield
    finally:
        _seeded.reset(token)


def earlier(id: str, by: timedelta) -> str:
    """Return the least id of the time ``by`` before the time of ``id``."""
    milliseconds = int(id.replace("-", "")[:12], 16) - by // timedelta(milliseconds=1)
    return str(uuid.UUID(int=max(milliseconds, 0) << 80))


def of_bank(name: str) -> str:
    """Return the fixed id of one of the bank's own resources, a UUIDv5 of ``name`` (RFC 9562 §5.5)."""
    return str(uuid.uuid5(_BANK, name))


def is_id(text: str) -> bool:
    """Tell whether ``text`` has the form of an id: a UUID in lower case."""
    return _ID.fullmatch(text) is not None
