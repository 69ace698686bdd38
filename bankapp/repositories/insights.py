"""Sums of transactions by group, and what a rule would change."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Select, String, case, cast, func, literal, select

from bankapp import db
from bankapp.listing import GroupBy
from bankapp.models import Transaction, TransactionRecord
from bankapp.models.types import Id
from bankapp.repositories import categorizing
from bankapp.repositories.categorizing import Categorization
from bankapp.repositories.selecting import select_record
from bankapp.repositories.transactions import BY_TIME, REMARKS, with_remarks

Month = tuple[str, datetime]
"""The name of a month and its first moment."""


@dataclass(frozen=True, slots=True)
class Span:
    """The transactions of some accounts from ``start`` to before ``end``."""

    account_ids: Sequence[str]
    start: datetime
    end: datetime


class Sum(NamedTuple):
    """The sum (minor units) of the ``entries`` transactions of a group that have the same direction.

    ``is_own`` is 1 for transfers between the user's own accounts, ``is_reversal`` is 1 for reversals.
    """

    key: str | None
    is_own: int
    is_reversal: int
    direction: int
    amount: int
    entries: int


def sums(by: Categorization, span: Span, group_by: GroupBy, months: Sequence[Month]) -> list[Sum]:
    """Return the sums of the transactions of a span. ``months`` are those of its time, oldest first."""
    if not span.account_ids:
        return []
    if group_by != "category":
        # Rules read the texts of transactions, which no other grouping needs.
        by = replace(by, rules=())
    keys: dict[GroupBy, Callable[[], Any]] = {
        "category": lambda: categorizing.category(by),
        "month": lambda: _month(months),
        "counterparty": lambda: categorizing.COUNTERPARTY,
        "account": lambda: cast(Transaction.account_id, String),
    }
    lines = select(
        keys[group_by]().label("key"),
        categorizing.is_own(by).label("is_own"),
        categorizing.IS_REVERSAL.label("is_reversal"),
        Transaction.direction,
        Transaction.amount,
    ).select_from(Transaction)
    line = categorizing.joined(lines, by).where(*_within(span)).subquery().c
    groups = (line.key, line.is_own, line.is_reversal, line.direction)
    # PostgreSQL sums integers as numeric.
    amount: Any = cast(func.sum(line.amount), BigInteger).label("amount")
    query = select(*groups, amount, func.count().label("entries")).group_by(*groups)
    return db.rows(query, record=Sum)


def count_changes(before: Categorization, after: Categorization, span: Span) -> int:
    """Return how many transactions of a span have another category by ``after``."""
    if not span.account_ids:
        return 0
    query = select(func.count()).select_from(Transaction)
    return int(db.value(_changed(query, before, after, span)))


def changes(
    user_id: str, before: Categorization, after: Categorization, span: Span, *, limit: int
) -> list[tuple[str, TransactionRecord]]:
    """Return the newest transactions of a user that :func:`count_changes` counts, each with its present category."""
    if not span.account_ids:
        return []
    lines = select_record(TransactionRecord, Transaction, user_id=literal(user_id, Id), **REMARKS)
    lines = lines.add_columns(categorizing.category(before).label("category_now")).select_from(Transaction)
    query = _changed(with_remarks(lines, user_id), before, after, span)
    newest = query.order_by(*(column.desc() for column in BY_TIME)).limit(limit)
    return [(row[-1], TransactionRecord(*row[:-1])) for row in db.rows(newest)]


def _changed(query: Select[Any], before: Categorization, after: Categorization, span: Span) -> Select[Any]:
    differs = categorizing.category(before) != categorizing.category(after)
    return categorizing.joined(query, after).where(*_within(span), differs)


def _within(span: Span) -> tuple[ColumnElement[bool], ...]:
    time = Transaction.created_at
    return Transaction.account_id.in_(span.account_ids), time >= span.start, time < span.end


def _month(months: Sequence[Month]) -> ColumnElement[str]:
    names = [literal(name, String) for name, _ in months]
    ends = [start for _, start in months[1:]]
    if not ends:
        return names[0]
    earlier = [(Transaction.created_at < end, name) for name, end in zip(names, ends, strict=False)]
    return case(*earlier, else_=names[-1])
