"""Account statements: opening balance, entries and closing balance, read in one snapshot."""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from bankapp import clock, db, errors
from bankapp.listing import Page, Window
from bankapp.models import AccountRecord
from bankapp.repositories import transactions
from bankapp.services import accounts
from bankapp.statement_formats import BIC, Counterparty, Entry, Statement, StatementAccount

MAX_DAYS: Final = 366


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month (UTC) in which an account has transactions; balances are minor units."""

    from_date: date
    to_date: date
    opening_balance: int
    closing_balance: int
    entry_count: int


def period(start: date | None, end: date | None, name: str = "A statement") -> tuple[date, date]:
    """Return the first and last day (UTC) of a statement; default: the current month up to today.

    ``name`` is what the complaint about a long period says it is of.

    Raises ValidationFailed when ``start`` is after ``end``, when the period is longer than 366 days, and when
    it ends on ``date.max``.
    """
    last = end or clock.now().date()
    first = start or last.replace(day=1)
    if first > last:
        raise errors.ValidationFailed(errors={"from": ["Must not lie after to."]})
    if (last - first).days >= MAX_DAYS:
        raise errors.ValidationFailed(errors={"to": [f"{name} covers at most {MAX_DAYS} days."]})
    if last == date.max:
        raise errors.ValidationFailed(errors={"to": [f"Must lie before {date.max}."]})
    return first, last


@contextmanager
def opened(account_id: str, first: date, last: date) -> Iterator[Statement]:
    """Open the statement of an account the caller may see. The entries must be read inside the block.

    ``first`` and ``last`` are days in UTC, both included; amounts are minor units. One snapshot serves all
    queries. Raises NotFound.
    """
    account = accounts.get(account_id)
    start = datetime.combine(first, time.min, UTC)
    end = datetime.combine(last, time.min, UTC) + timedelta(days=1)
    with db.snapshot():
        credits, debits, count = transactions.totals(account_id, start, end)
        yield Statement(
            account=_account(account),
            from_date=first,
            to_date=last,
            opening_balance=transactions.balance_before(account_id, start),
            closing_balance=transactions.balance_before(account_id, end),
            total_credits=credits,
            total_debits=debits,
            entry_count=count,
            entries=map(entry, transactions.between(account_id, start, end)),
            generated_at=clock.now(),
        )


def months(account_id: str, window: Window) -> Page[Month]:
    """Return the months with transactions of an account the caller may see, newest first. Raises NotFound.

    Each month costs one index look-up, for the last transaction before it. The number of transactions does not
    matter.
    """
    account = accounts.get(account_id)
    items: list[Month] = []
    with db.snapshot():
        start = window.after[0] if window.after else datetime.max.replace(tzinfo=UTC)
        last = transactions.last_before(account.id, start)
        while last is not None and len(items) < window.limit:
            start = datetime(last.created_at.year, last.created_at.month, 1, tzinfo=UTC)
            before = transactions.last_before(account.id, start)
            items.append(_month(start.date(), last, before))
            last = before
    return Page(items, None if last is None else (start,))


def _month(first: date, last: transactions.LastTransaction, before: transactions.LastTransaction | None) -> Month:
    return Month(
        from_date=first,
        to_date=first.replace(day=calendar.monthrange(first.year, first.month)[1]),
        opening_balance=before.balance_after if before else 0,
        closing_balance=last.balance_after,
        # An account's transactions are numbered without gaps.
        entry_count=last.sequence - (before.sequence if before else 0),
    )


def _account(account: AccountRecord) -> StatementAccount:
    return StatementAccount(
        id=account.id,
        number=account.number,
        type=account.type,
        currency=account.currency,
        holder_name=f"{account.first_name} {account.last_name}",
    )


def entry(row: transactions.EntryRow) -> Entry:
    """Return a transaction as statements show it. Every account number of a counterparty is of this bank."""
    name, number = row.counterparty_name, row.counterparty_account_number
    return Entry(
        id=row.id,
        sequence=row.sequence,
        type=row.type,
        amount=row.amount,
        direction=row.direction,
        balance_after=row.balance_after,
        description=row.description,
        transfer_id=row.transfer_id,
        created_at=row.created_at,
        counterparty=None if name is None else Counterparty(name, number, number and BIC),
        reference=row.reference,
        end_to_end_id=row.end_to_end_id,
    )
