"""Monthly statements as records: listing and reading them. ``statement_closings`` makes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta

from bankapp import db
from bankapp.listing import Page, Window
from bankapp.models import AccountRecord, StatementRecord
from bankapp.repositories import statements as statement_rows
from bankapp.repositories import transactions
from bankapp.services import access, accounts, statement_closings, statements
from bankapp.services.statement_hashes import StatementHash
from bankapp.statement_formats import Entry, Statement, StatementAccount, StatementMismatchError


def search(account_id: str, window: Window) -> Page[StatementRecord]:
    """Return the statements of an account the caller may see, newest first. Raises NotFound."""
    account = accounts.get(account_id)
    statement_closings.complete(account.id)
    return statement_rows.of_account(account.id, window)


@contextmanager
def opened(account_id: str, number: int) -> Iterator[Statement]:
    """Open a statement of an account the caller may see; its entries are read inside the block.

    It says the same every time: the record's own time is the time it was generated at. Raises NotFound. Reading the
    entries raises StatementMismatchError where they are not those that the record was made of.
    """
    account = accounts.get(account_id)
    record = statement_rows.get(account.id, number)
    if record is None:
        statement_closings.complete(account.id)
        record = statement_rows.get(account.id, number)
    if record is None:
        raise access.not_found("statement")
    with db.snapshot():
        start, end = (datetime.combine(day, time.min, UTC) for day in (record.from_date, record.to_date))
        credits, debits, _ = transactions.totals(account.id, start, end + timedelta(days=1))
        yield Statement(
            account=_account(account, record),
            from_date=record.from_date,
            to_date=record.to_date,
            opening_balance=record.opening_balance,
            closing_balance=record.closing_balance,
            total_credits=credits,
            total_debits=debits,
            entry_count=record.entry_count,
            entries=_entries(record),
            generated_at=record.created_at,
            number=record.number,
        )


def _entries(record: StatementRecord) -> Iterator[Entry]:
    content = StatementHash(record)
    for row in statement_rows.entries(record):
        content.add(row)
        yield statements.entry(row)
    if not content.is_that_of(record):
        raise StatementMismatchError(f"statement {record.id} is not what its hash says")


def _account(account: AccountRecord, record: StatementRecord) -> StatementAccount:
    """Return the account as the record shows it: with the holder's name of that time."""
    return StatementAccount(
        id=account.id,
        number=account.number,
        type=account.type,
        currency=account.currency,
        holder_name=record.holder_name,
    )
