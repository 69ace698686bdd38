"""Queries on the history of accounts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Executable,
    Row,
    Select,
    Subquery,
    bindparam,
    case,
    func,
    literal_column,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute, joinedload

from bankapp import connections
from bankapp.extensions import db
from bankapp.listing import HistoryFilter, Page, Window
from bankapp.models import Account, AccountHolder, Transaction
from bankapp.models.account import CASH
from bankapp.models.transaction import CREDIT
from bankapp.models.types import Id, UtcDateTime
from bankapp.repositories.listing import page, page_of_union

_HISTORY = select(Transaction).where(Transaction.sequence.is_not(None))
_BY_TIME = (Transaction.created_at, Transaction.account_id, Transaction.sequence)


_ENTRIES = select(
    Transaction.id,
    Transaction.sequence,
    Transaction.type,
    Transaction.amount,
    Transaction.direction,
    Transaction.balance_after,
    Transaction.description,
    Transaction.transfer_id,
    Transaction.created_at,
)
_LINES = select(
    Transaction.id,
    Transaction.account_id,
    Transaction.type,
    Transaction.amount,
    Transaction.direction,
    Transaction.currency,
    Transaction.sequence,
    Transaction.balance_after,
    Transaction.description,
    Transaction.transfer_id,
    Transaction.created_at,
)
LastRow = Row[datetime, int, int]
"""``created_at``, ``sequence`` and ``balance_after`` of a transaction."""
EntryRow = Row[str, int | None, str, int, int, int | None, str | None, str | None, datetime]


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


# How each part of a HistoryFilter narrows a query.
_CONDITIONS: Final[dict[str, tuple[InstrumentedAttribute[Any], Callable[[Any, Any], Any]]]] = {
    "type": (Transaction.type, operator.eq),
    "start": (Transaction.created_at, operator.ge),
    "end": (Transaction.created_at, operator.le),
    "min_amount": (Transaction.amount, operator.ge),
    "max_amount": (Transaction.amount, operator.le),
}


def _given(narrowed: HistoryFilter) -> dict[str, Any]:
    values = {name: getattr(narrowed, name) for name in _CONDITIONS}
    return {name: value for name, value in values.items() if value is not None}


def _narrowed(query: Select[Transaction], by: HistoryFilter) -> Select[Transaction]:
    for name, value in _given(by).items():
        column, matches = _CONDITIONS[name]
        query = query.where(matches(column, value))
    return query


_ACCOUNT_ID = bindparam("account_id", type_=Id)
_WHOSE = (
    select(AccountHolder.user_id)
    .join_from(Account, AccountHolder)
    .where(Account.id == _ACCOUNT_ID, Account.type != CASH)
)


_NEWEST: Final = 2**63 - 1
"""Comes after the sequence of any transaction."""

_PAGE_SIZES: Final = (20, 50, 100)


@cache
def _history_of_account(shape: tuple[str, ...], size: int) -> Select[Any]:
    # Built once for each set of filters and size of page: the most read query of the service. Whose account it is
    # comes with it, so that the way to the database is made once. A few steps into the index, as in `_newest`;
    # among the accounts that come after this one in it, nobody looks for what filters let through.
    position = tuple_(Transaction.account_id, Transaction.sequence)
    query = _LINES.where(position < tuple_(_ACCOUNT_ID, bindparam("after", type_=BigInteger)))
    if shape:
        query = query.where(Transaction.account_id == _ACCOUNT_ID)
    for name in shape:
        column, matches = _CONDITIONS[name]
        query = query.where(matches(column, bindparam(name, type_=column.type)))
    query = query.order_by(Transaction.account_id.desc(), Transaction.sequence.desc())
    lines = query.limit(literal_column(str(size + 1))).subquery()
    found = _WHOSE.add_columns(*lines.c).outerjoin(lines, lines.c.account_id == Account.id)
    return found.order_by(lines.c.sequence.desc())


def of_account(account_id: str, narrowed: HistoryFilter, window: Window) -> tuple[str | None, Page[Any]]:
    """Return whose account this is (None: nobody's), and its history in the order of its sequence, newest first."""
    given = _given(narrowed)
    size = next((size for size in _PAGE_SIZES if size >= window.limit), window.limit)
    parameters = given | {"account_id": account_id, "after": window.after[0] if window.after else _NEWEST}
    found = connections.read(_history_of_account(tuple(given), size), parameters)
    owner = found[0].user_id if found else None
    lines = [line for line in found if line.id is not None]
    items = lines[: window.limit]
    return owner, Page(items, (items[-1].sequence,) if len(lines) > window.limit else None)


def of_accounts(account_ids: Sequence[str], narrowed: HistoryFilter, window: Window) -> Page[Transaction]:
    """Return the history of several accounts, newest first."""
    queries = [_narrowed(_HISTORY.where(Transaction.account_id == account_id), narrowed) for account_id in account_ids]
    return page_of_union(Transaction, queries, _BY_TIME, window)


def of_everybody(narrowed: HistoryFilter, window: Window) -> Page[Transaction]:
    """Return the history of all customers' accounts, newest first."""
    return page(_narrowed(_HISTORY, narrowed), _BY_TIME, window)


def _newest(compare: Callable[[Any, Any], Any]) -> Subquery:
    # One step into the index, whatever the length of the history: the entry before a position in the order of
    # the index. With the account as a condition of its own, PostgreSQL may walk back through everybody's
    # transactions instead; so the entry may be of another account, and is then none of this one's.
    keys = (Transaction.account_id, Transaction.created_at)
    return (
        select(*keys, Transaction.sequence, Transaction.balance_after)
        .where(compare(tuple_(*keys), tuple_(_ACCOUNT_ID, bindparam("moment", type_=UtcDateTime))))
        .order_by(*(key.desc() for key in (*keys, Transaction.sequence)))
        # Written out: behind a parameter PostgreSQL would expect many, and plan anew for every request.
        .limit(literal_column("1"))
        .subquery()
    )


def _last_before() -> Executable:
    newest = _newest(operator.lt)
    found = select(newest.c.created_at, newest.c.sequence, newest.c.balance_after)
    return found.where(newest.c.account_id == _ACCOUNT_ID)


def _balance_at() -> Select[Any]:
    newest = _newest(operator.le)
    balance = select(newest.c.balance_after).where(newest.c.account_id == _ACCOUNT_ID).scalar_subquery()
    return _WHOSE.add_columns(func.coalesce(balance, 0).label("balance"))


_LAST_BEFORE, _BALANCE_AT = _last_before(), _balance_at()


def balance_at(account_id: str, moment: datetime) -> tuple[str, int] | None:
    """Return whose account this is and its balance (minor units) after all of ``moment`` and before; None: nobody's."""
    found = connections.read(_BALANCE_AT, {"account_id": account_id, "moment": moment})
    return (found[0].user_id, found[0].balance) if found else None


def balance_before(account_id: str, moment: datetime) -> int:
    """Return the balance just before ``moment``, in minor units."""
    last = last_before(account_id, moment)
    return last.balance_after if last else 0


def last_before(account_id: str, moment: datetime) -> LastRow | None:
    """Return when the last transaction before ``moment`` was, its sequence, and the balance after it (minor units)."""
    return next(iter(connections.rows(_LAST_BEFORE, {"account_id": account_id, "moment": moment})), None)


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


def between(account_id: str, start: datetime, end: datetime) -> Iterator[EntryRow]:
    """Yield what a statement shows of each transaction from ``start`` to before ``end``, oldest first.

    Columns instead of objects, a thousand at a time: a year of a busy account must not be held at once.
    """
    query = _ENTRIES.where(*_between(account_id, start, end)).order_by(Transaction.sequence)
    yield from db.session.execute(query.execution_options(yield_per=1000))
