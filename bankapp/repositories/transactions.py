"""Queries on the history of accounts."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    Select,
    Subquery,
    and_,
    bindparam,
    case,
    func,
    literal,
    literal_column,
    null,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute

from bankapp import db
from bankapp.listing import HistoryFilter, Page, Window
from bankapp.models import Account, AccountHolder, Annotation, Transaction, TransactionRecord
from bankapp.models.account import CASH
from bankapp.models.transaction import CREDIT
from bankapp.models.types import Id, UtcDateTime
from bankapp.repositories.listing import page, page_of_union
from bankapp.repositories.selecting import select_record


class LastTransaction(NamedTuple):
    """The time of a transaction, its number within the account, and the balance after it (minor units)."""

    created_at: datetime
    sequence: int
    balance_after: int


class EntryRow(NamedTuple):
    """A transaction as a statement shows it; amounts are minor units."""

    id: str
    sequence: int
    type: str
    amount: int
    direction: int
    balance_after: int
    description: str | None
    transfer_id: str | None
    created_at: datetime
    counterparty_name: str | None
    counterparty_account_number: str | None
    reference: str | None
    end_to_end_id: str | None


REMARKS: Final = {"category": Annotation.category, "notes": Annotation.notes, "tags": Annotation.tags}
_NO_REMARKS: Final = {"category": null(), "notes": null(), "tags": null()}
_READER_ID = bindparam("reader_id", type_=Id)


def with_remarks(query: Select[Any], reader_id: Any = _READER_ID) -> Select[Any]:
    """Join the annotations of a user. Those of everybody else never leave the database."""
    return query.outerjoin(
        Annotation, and_(Annotation.transaction_id == Transaction.id, Annotation.user_id == reader_id)
    )


def _history(remarks: Mapping[str, Any]) -> Select[Any]:
    columns = select_record(TransactionRecord, Transaction, user_id=AccountHolder.user_id, **remarks)
    accounts = columns.join_from(Transaction, Account, Account.id == Transaction.account_id).join(AccountHolder)
    return accounts.where(Transaction.sequence.is_not(None))


_HISTORY = _history(_NO_REMARKS)
_BY_ID = with_remarks(_history(REMARKS)).where(Transaction.id == bindparam("transaction_id"))
BY_TIME = (Transaction.created_at, Transaction.account_id, Transaction.sequence)
_ENTRIES = select_record(EntryRow, Transaction)


def get(transaction_id: str, reader_id: str | None) -> TransactionRecord | None:
    """Return the transaction with this id on a customer's account with the reader's annotation, or None."""
    parameters = {"transaction_id": transaction_id, "reader_id": reader_id}
    return db.one(_BY_ID, parameters, record=TransactionRecord)


def by_ids(transaction_ids: Sequence[str]) -> Sequence[TransactionRecord]:
    """Return the transactions with these ids on customers' accounts, in any order."""
    if not transaction_ids:
        return []
    return db.rows(_HISTORY.where(Transaction.id.in_(transaction_ids)), record=TransactionRecord)


# Field of a HistoryFilter → the column and the comparison that apply it.
_CONDITIONS: Final[dict[str, tuple[InstrumentedAttribute[Any], Callable[[Any, Any], Any]]]] = {
    "type": (Transaction.type, operator.eq),
    "start": (Transaction.created_at, operator.ge),
    "end": (Transaction.created_at, operator.le),
    "min_amount": (Transaction.amount, operator.ge),
    "max_amount": (Transaction.amount, operator.le),
}


def _conditions(filters: HistoryFilter) -> dict[str, Any]:
    values = {name: getattr(filters, name) for name in _CONDITIONS}
    return {name: value for name, value in values.items() if value is not None}


def filtered(query: Select[Any], filters: HistoryFilter) -> Select[Any]:
    """Return ``query``, which selects from transactions, narrowed by everything but the search."""
    for name, value in _conditions(filters).items():
        column, matches = _CONDITIONS[name]
        query = query.where(matches(column, value))
    return query


_ACCOUNT_ID = bindparam("account_id", type_=Id)
_OWNER = (
    select(AccountHolder.user_id)
    .join_from(Account, AccountHolder)
    .where(Account.id == _ACCOUNT_ID, Account.type != CASH)
)
_NEWEST: Final = 2**63 - 1
"""Greater than the sequence of any transaction."""

_PAGE_SIZES: Final = (20, 50, 100)


@cache
def _history_of_account(filters: tuple[str, ...], size: int) -> Select[Any]:
    # The most frequent query of the service is built once for each set of filters and page size. It returns the
    # account's owner with the page, which saves a round trip. The row comparison walks the index (account_id,
    # sequence) from the newest row. With filters, a separate condition on the account's id stops PostgreSQL at the
    # last row of the account.
    lines = select_record(TransactionRecord, Transaction, user_id=literal_column("NULL"), **_NO_REMARKS)
    position = tuple_(Transaction.account_id, Transaction.sequence)
    lines = lines.where(position < tuple_(_ACCOUNT_ID, bindparam("after", type_=BigInteger)))
    if filters:
        lines = lines.where(Transaction.account_id == _ACCOUNT_ID)
    for name in filters:
        column, matches = _CONDITIONS[name]
        lines = lines.where(matches(column, bindparam(name, type_=column.type)))
    lines = lines.order_by(Transaction.account_id.desc(), Transaction.sequence.desc())
    newest = lines.limit(literal_column(str(size + 1))).subquery()
    others: dict[str, Any] = {**REMARKS, "user_id": AccountHolder.user_id}
    columns = [others.get(str(column.key), column) for column in newest.c]
    owner = select(*columns).select_from(Account).join(AccountHolder)
    owner = owner.where(Account.id == _ACCOUNT_ID, Account.type != CASH)
    # The annotations are joined to the page, so that the walk in the index stays as it is.
    is_own = and_(Annotation.transaction_id == newest.c.id, Annotation.user_id == _READER_ID)
    pages = owner.outerjoin(newest, newest.c.account_id == Account.id).outerjoin(Annotation, is_own)
    return pages.order_by(newest.c.sequence.desc())


def of_account(
    account_id: str, filters: HistoryFilter, window: Window, reader_id: str | None
) -> tuple[str | None, Page[TransactionRecord]]:
    """Return the owner's user id (None: no such account) and the account's history by sequence, newest first.

    The transactions have the reader's annotations.
    """
    conditions = _conditions(filters)
    size = next((size for size in _PAGE_SIZES if size >= window.limit), window.limit)
    after = window.after[0] if window.after else _NEWEST
    parameters = conditions | {"account_id": account_id, "after": after, "reader_id": reader_id}
    rows = db.rows(_history_of_account(tuple(conditions), size), parameters, record=TransactionRecord)
    owner_id = rows[0].user_id if rows else None
    # An account without a matching transaction is one row, which has the owner alone.
    lines = rows if rows and rows[0].id is not None else []
    items = lines[: window.limit]
    return owner_id, Page(items, (items[-1].sequence,) if len(lines) > window.limit else None)


def of_accounts(
    user_id: str, account_ids: Sequence[str], filters: HistoryFilter, window: Window
) -> Page[TransactionRecord]:
    """Return the history of several accounts of a user with the user's annotations, newest first."""
    lines = select_record(TransactionRecord, Transaction, user_id=literal(user_id, Id), **REMARKS)
    lines = with_remarks(lines.select_from(Transaction), user_id)
    queries = [filtered(lines.where(Transaction.account_id == account_id), filters) for account_id in account_ids]
    return page_of_union(queries, BY_TIME, window, TransactionRecord)


def of_everybody(filters: HistoryFilter, window: Window) -> Page[TransactionRecord]:
    """Return the history of all customers' accounts, newest first."""
    return page(filtered(_HISTORY, filters), BY_TIME, window, TransactionRecord)


def _newest(compare: Callable[[Any, Any], Any]) -> Subquery:
    # One step into the index, independent of the length of the history: the entry before a position in the order of
    # the index. With a separate condition on the account, PostgreSQL may instead scan the transactions of all
    # accounts. The entry may therefore be of another account; callers must compare the account's id.
    keys = (Transaction.account_id, Transaction.created_at)
    return (
        select(*keys, Transaction.sequence, Transaction.balance_after)
        .where(compare(tuple_(*keys), tuple_(_ACCOUNT_ID, bindparam("moment", type_=UtcDateTime))))
        .order_by(*(key.desc() for key in (*keys, Transaction.sequence)))
        # A literal: for a parameter PostgreSQL would expect many rows, and plan the query for every request.
        .limit(literal_column("1"))
        .subquery()
    )


def _last_before() -> Select[Any]:
    newest = _newest(operator.lt)
    return select(newest.c.created_at, newest.c.sequence, newest.c.balance_after).where(
        newest.c.account_id == _ACCOUNT_ID
    )


def _balance_at() -> Select[Any]:
    newest = _newest(operator.le)
    balance = select(newest.c.balance_after).where(newest.c.account_id == _ACCOUNT_ID).scalar_subquery()
    return _OWNER.add_columns(func.coalesce(balance, 0).label("balance"))


_LAST_BEFORE, _BALANCE_AT = _last_before(), _balance_at()


def balance_at(account_id: str, moment: datetime) -> tuple[str | None, int]:
    """Return the owner's user id (None: no such account) and the balance (minor units) at the end of ``moment``."""
    row = db.one(_BALANCE_AT, {"account_id": account_id, "moment": moment})
    return (None, 0) if row is None else (row.user_id, row.balance)


def balance_before(account_id: str, moment: datetime) -> int:
    """Return the balance just before ``moment``, in minor units."""
    last = last_before(account_id, moment)
    return last.balance_after if last else 0


def last_before(account_id: str, moment: datetime) -> LastTransaction | None:
    """Return the last transaction before ``moment``, or None."""
    return db.one(_LAST_BEFORE, {"account_id": account_id, "moment": moment}, record=LastTransaction)


def closing_balances(account_id: str, start: datetime, end: datetime) -> dict[date, int]:
    """Return the last balance (minor units) of each day (UTC) with transactions, from ``start`` to before ``end``."""
    day = func.date(Transaction.created_at).label("day")
    last = select(func.max(Transaction.sequence)).where(*_between(account_id, start, end)).group_by(day)
    query = select(day, Transaction.balance_after).where(
        Transaction.account_id == account_id, Transaction.sequence.in_(last)
    )
    # A date on PostgreSQL, its text on SQLite.
    return {date.fromisoformat(str(row.day)): row.balance_after for row in db.rows(query)}


def _between(account_id: str, start: datetime, end: datetime) -> tuple[Any, ...]:
    return (
        Transaction.account_id == account_id,
        Transaction.created_at >= start,
        Transaction.created_at < end,
    )


def totals(account_id: str, start: datetime, end: datetime) -> tuple[int, int, int]:
    """Return the sums of credits and debits (minor units, not negative) and the count, ``start`` to before ``end``."""
    credit = func.coalesce(func.sum(case((Transaction.direction == CREDIT, Transaction.amount), else_=0)), 0)
    debit = func.coalesce(func.sum(case((Transaction.direction == CREDIT, 0), else_=Transaction.amount)), 0)
    sums = select(credit.label("credits"), debit.label("debits"), func.count().label("count"))
    row = db.one(sums.where(*_between(account_id, start, end)))
    return int(row.credits), int(row.debits), int(row.count)


def between(account_id: str, start: datetime, end: datetime) -> Iterator[EntryRow]:
    """Yield the transactions from ``start`` to before ``end`` as a statement shows them, oldest first.

    The rows are streamed: a year of a busy account does not fit into memory.
    """
    query = _ENTRIES.where(*_between(account_id, start, end)).order_by(Transaction.sequence)
    return map(EntryRow._make, db.stream(query))


def numbered(account_id: str, first: int, last: int) -> Iterator[EntryRow]:
    """Yield what a statement shows of the transactions from sequence ``first`` to ``last``, oldest first, streamed."""
    query = _ENTRIES.where(Transaction.account_id == account_id, Transaction.sequence.between(first, last))
    return map(EntryRow._make, db.stream(query.order_by(Transaction.sequence)))
