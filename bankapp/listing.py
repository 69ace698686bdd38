"""Lists as they are asked for and answered: windows, pages, and what narrows a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

M = TypeVar("M")
Position = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Window:
    """Which page is asked for: at most ``limit`` rows after the position ``after`` (None: from the newest)."""

    limit: int = 20
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page of a list: ``items``, and the position after which the next page begins, or None."""

    items: Sequence[M]
    next_position: Position | None


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """What narrows a history: ``start`` and ``end`` are included, amounts are minor units, both ends included."""

    type: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    min_amount: int | None = None
    max_amount: int | None = None
