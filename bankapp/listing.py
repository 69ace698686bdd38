"""Lists: whose rows, the requested window, the returned page, and the filter of a history."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from bankapp.search_terms import Condition

M = TypeVar("M")
Position = tuple[Any, ...]

GroupBy = Literal["category", "month", "counterparty", "account"]
"""By what sums of transactions are grouped."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose rows a list shows: those of a user, or only those on some of the user's accounts (None: on all)."""

    user_id: str
    account_ids: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """The requested page: at most ``limit`` rows after the position ``after`` (None: from the newest row)."""

    limit: int = 20
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page of a list: ``items``, and the position after which the next page begins (None: no next page)."""

    items: Sequence[M]
    next_position: Position | None


@dataclass(frozen=True, slots=True)
class HistoryFilter:
    """The conditions on a history; None is no condition. All bounds are included; amounts are minor units."""

    type: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    min_amount: int | None = None
    max_amount: int | None = None
    conditions: tuple[Condition, ...] = ()
    """What the search index must have of a transaction."""
