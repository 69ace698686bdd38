"""Queries on the records of monthly statements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Date,
    String,
    and_,
    bindparam,
    func,
    insert,
    literal_column,
    or_,
    select,
    type_coerce,
)

from bankapp import db, ids
from bankapp.listing import Page, Window
from bankapp.models import Account, AccountHolder, Statement, StatementRecord, Transaction
from bankapp.models.account import CASH
from bankapp.models.types import Id, UtcDateTime
from bankapp.repositories import transactions
from bankapp.repositories.listing import page
from bankapp.repositories.selecting import select_record
from bankapp.repositories.transactions import EntryRow

LOOK_SIZE: Final = 1_000
"""How many accounts are looked at in one query."""


class ClosingState(NamedTuple):
    """An account, and where its last statement ended (None: it has no statement); balances are minor units."""

    id: str
    status: str
    sequence: int
    created_at: datetime
    first_posted_at: datetime | None
    first_name: str
    last_name: str
    number: int | None
    to_date: date | None
    closing_balance: int | None
    last_sequence: int | None
    last_made_at: datetime | None


_RECORDS = select_record(StatementRecord, Statement)
_BY_NUMBER = _RECORDS.where(
    Statement.account_id == bindparam("account_id", type_=Id), Statement.number == bindparam("number")
)
_LAST_NUMBER = (
    select(func.max(Statement.number)).where(Statement.account_id == Account.id).correlate(Account).scalar_subquery()
)
_FIRST_POSTED_AT = (
    select(Transaction.created_at)
    .where(Transaction.account_id == Account.id, Transaction.sequence == 1)
    .correlate(Account)
    .scalar_subquery()
)
_STATES = (
    select_record(
        ClosingState,
        Account,
        first_posted_at=_FIRST_POSTED_AT,
        first_name=AccountHolder.first_name,
        last_name=AccountHolder.last_name,
        number=Statement.number,
        to_date=Statement.to_date,
        closing_balance=Statement.closing_balance,
        last_sequence=Statement.last_sequence,
        last_made_at=Statement.created_at,
    )
    .join_from(Account, AccountHolder)
    .outerjoin(Statement, and_(Statement.account_id == Account.id, Statement.number == _LAST_NUMBER))
)


def _lacks_statements() -> ColumnElement[bool]:
    """Return the condition that an account lacks the statement of the month that ends with ``last_day``.

    ``next_day`` is the moment after that month. A closed account lacks none once all its entries are on statements.
    """
    all_entries = and_(Account.status == "closed", Statement.last_sequence == Account.sequence)
    is_complete = select(Statement.id).where(
        Statement.account_id == Account.id,
        or_(Statement.to_date >= bindparam("last_day", type_=Date), all_entries),
    )
    next_day: ColumnElement[datetime] = bindparam("next_day", type_=UtcDateTime)
    return and_(
        or_(Account.created_at < next_day, next_day > _FIRST_POSTED_AT),
        ~is_complete.correlate(Account).exists(),
    )


_LACKS = select(Account.id, _lacks_statements().label("lacks")).where(Account.type != CASH)
_LACKS_ONE: Final = _LACKS.where(Account.id == bindparam("account_id", type_=Id))
_LACKS_PAGE: Final = (
    _LACKS.where(Account.id > bindparam("after", type_=Id)).order_by(Account.id).limit(literal_column(str(LOOK_SIZE)))
)


def _until(last_day: date) -> dict[str, Any]:
    return {"last_day": last_day, "next_day": datetime.combine(last_day, time.min, UTC) + timedelta(days=1)}


def lacks(account_id: str, last_day: date) -> bool:
    """Tell whether an account lacks the statement of the month that ends with ``last_day``, or an earlier one."""
    found = db.one(_LACKS_ONE, _until(last_day) | {"account_id": account_id})
    return found is not None and bool(found.lacks)


def lacking(last_day: date) -> Iterator[list[str]]:
    """Yield the ids of the accounts for which :func:`lacks` is true, in order.

    Each list is of the next ``LOOK_SIZE`` accounts, and may be empty: however many accounts lack nothing, no query
    lasts long.
    """
    after = ids.FIRST
    while found := db.rows(_LACKS_PAGE, _until(last_day) | {"after": after}):
        yield [row.id for row in found if row.lacks]
        after = found[-1].id


def states(account_ids: Sequence[str]) -> list[ClosingState]:
    """Return accounts with the ends of their last statements, in the order of the accounts' ids."""
    query = _STATES.where(Account.id.in_(account_ids)).order_by(Account.id)
    return db.rows(query, record=ClosingState)


def add(records: Sequence[StatementRecord]) -> None:
    """Store records whose accounts are locked, those of an account in the order of their numbers."""
    db.change(insert(Statement), [record._asdict() for record in records])


def get(account_id: str, number: int) -> StatementRecord | None:
    """Return the statement of an account that has this number."""
    return db.one(_BY_NUMBER, {"account_id": account_id, "number": number}, record=StatementRecord)


def of_account(account_id: str, window: Window) -> Page[StatementRecord]:
    """Return the statements of an account, newest first."""
    return page(_RECORDS.where(Statement.account_id == account_id), [Statement.number], window, StatementRecord)


def entries(record: StatementRecord) -> Iterator[EntryRow]:
    """Yield the entries of a record, oldest first, streamed in an open snapshot."""
    if not record.entry_count:
        return iter(())
    return transactions.numbered(record.account_id, record.first_sequence, record.last_sequence)


def with_entries(low: str, high: str) -> Iterator[tuple[StatementRecord, EntryRow | None]]:
    """Yield each record of the accounts from ``low`` (excluded) to ``high`` with each of its entries, in order.

    A record without entries comes once, with None. On SQLite days and times are text as it is stored, readable or not.
    Runs in an open snapshot, and streams.
    """
    columns = [_as_stored(getattr(Statement, name)) for name in StatementRecord._fields]
    columns += [_as_stored(getattr(Transaction, name)) for name in EntryRow._fields]
    query = (
        select(*(column.label(f"column_{at}") for at, column in enumerate(columns)))
        .select_from(Statement)
        .outerjoin(
            Transaction,
            and_(
                Transaction.account_id == Statement.account_id,
                Transaction.sequence.between(Statement.first_sequence, Statement.last_sequence),
            ),
        )
        .where(Statement.account_id > low, Statement.account_id <= high)
        .order_by(Statement.account_id, Statement.number, Transaction.sequence)
    )
    width = len(StatementRecord._fields)  # the entry's id comes first after it
    for row in db.stream(query):
        yield StatementRecord._make(row[:width]), EntryRow._make(row[width:]) if row[width] is not None else None


def _as_stored(column: Any) -> ColumnElement[Any]:
    types = db.for_dialect(sqlite=(Date, UtcDateTime), postgresql=())
    return type_coerce(column, String) if isinstance(column.type, types) else column
