"""Queries on the history of accounts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, case, func, select, tuple_
from sqlalchemy.orm import joinedload

from bankapp.extensions import db
from bankapp.listing import HistoryFilter, Page, Window
from bankapp.models import Account, Transaction
from bankapp.models.transaction import CREDIT
from bankapp.repositories.listing import page, page_of_union

_HISTORY = select(Transaction).where(Transaction.sequence.is_not(None))
_BY_TIME = (Transaction.created_at, Transaction.account_id, Transaction.sequence)


def get(transaction_id: str) -> tuple[Transaction, Account] | None:
    """Return a transaction of a customer's account, with the account and its holder."""
    query = (
        select(Transaction, Account)
        .join(Account, Account.id == Transaction.account_id)
        .where(Transaction.id == transaction_id, Transaction.sequence.is_not(None))
        .options(joinedload(Account.holder))
    )
    found = db.session.execute(query).one_or_none()
    return None if found is None else (found[0], found[1])


def _narrowed(query: Select[Transaction], by: HistoryFilter) -> Select[Transaction]:
    for value, column, matches in (
        (by.type, Transaction.type, operator.eq),
        (by.start, Transaction.created_at, operator.ge),
        (by.end, Transaction.created_at, operator.le),
        (by.min_amount, Transaction.amount, operator.ge),
        (by.max_amount, Transaction.amount, operator.le),
    ):
        if value is not None:
            query = query.where(matches(column, value))
    return query


def of_account(account_id: str, narrowed: HistoryFilter, window: Window) -> Page[Transaction]:
    """Return the history of one account in the order of its sequence, newest first."""
    query = _narrowed(_HISTORY.where(Transaction.account_id == account_id), narrowed)
    return page(query, [Transaction.sequence], window)


def of_accounts(account_ids: Sequence[str], narrowed: HistoryFilter, window: Window) -> Page[Transaction]:
    """Return the history of several accounts, newest first."""
    queries = [_narrowed(_HISTORY.where(Transaction.account_id == account_id), narrowed) for account_id in account_ids]
    return page_of_union(Transaction, queries, _BY_TIME, window)


def of_everybody(narrowed: HistoryFilter, window: Window) -> Page[Transaction]:
    """Return the history of all customers' accounts, newest first."""
    return page(_narrowed(_HISTORY, narrowed), _BY_TIME, window)


def balance_before(account_id: str, moment: datetime) -> int:
    """Return the balance just before ``moment``, in minor units."""
    return _last_balance(account_id, moment, operator.lt)


def balance_at(account_id: str, moment: datetime) -> int:
    """Return the balance at ``moment`` with everything posted until then, in minor units."""
    return _last_balance(account_id, moment, operator.le)


def _last_balance(account_id: str, moment: datetime, compare: Callable[[Any, Any], Any]) -> int:
    # One step into the index, whatever the length of the history: the entry before a position in the order of
    # the index. With the account as a condition of its own, PostgreSQL may walk back through everybody's
    # transactions instead; so the entry may be of another account, and is then none of this one's.
    keys = (Transaction.account_id, Transaction.created_at)
    position = tuple_(account_id, moment, types=[key.type for key in keys])
    newest = (
        select(Transaction.account_id, Transaction.balance_after)
        .where(compare(tuple_(*keys), position))
        .order_by(*(key.desc() for key in (*keys, Transaction.sequence)))
        .limit(1)
        .subquery()
    )
    return db.session.scalar(select(newest.c.balance_after).where(newest.c.account_id == account_id)) or 0


def closing_balances(account_id: str, start: datetime, end: datetime) -> dict[date, int]:
    """Return the balance at the end of each day (UTC) that has transactions, from ``start`` to before ``end``."""
    day = func.date(Transaction.created_at)
    last = select(func.max(Transaction.sequence)).where(*_between(account_id, start, end)).group_by(day)
    query = select(day, Transaction.balance_after).where(
        Transaction.account_id == account_id, Transaction.sequence.in_(last)
    )
    # A date on PostgreSQL, its text on SQLite.
    return {date.fromisoformat(str(found)): balance for found, balance in db.session.execute(query)}


def _between(account_id: str, start: datetime, end: datetime) -> tuple[Any, ...]:
    return (
        Transaction.account_id == account_id,
        Transaction.created_at >= start,
        Transaction.created_at < end,
    )


def totals(account_id: str, start: datetime, end: datetime) -> tuple[int, int, int]:
    """Return credits, debits (minor units, both positive) and count from ``start`` to before ``end``."""
    credit = func.coalesce(func.sum(case((Transaction.direction == CREDIT, Transaction.amount), else_=0)), 0)
    debit = func.coalesce(func.sum(case((Transaction.direction == CREDIT, 0), else_=Transaction.amount)), 0)
    credits, debits, count = db.session.execute(
        select(credit, debit, func.count()).where(*_between(account_id, start, end))
    ).one()
    return int(credits), int(debits), int(count)


def between(account_id: str, start: datetime, end: datetime) -> Iterator[Transaction]:
    """Yield the transactions from ``start`` to before ``end``, oldest first, without holding them all."""
    query = select(Transaction).where(*_between(account_id, start, end)).order_by(Transaction.sequence)
    for chunk in db.session.scalars(query.execution_options(yield_per=1000)).partitions():
        yield from chunk
        for row in chunk:
            db.session.expunge(row)
