"""Closing months: making the records of monthly statements that accounts lack.

An account has one statement for each calendar month (UTC) from the month it was opened in. A month without entries
has one, too: so a number tells the month, and a reader sees from the numbers alone that no statement is missing. A
closed account has statements until all its entries are on one.

A record is made when the month is over, by ``flask statements close`` or by the first request that needs it. Both
make all records that the account lacks, in the order of their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Final

from bankapp import clock, db, ids
from bankapp.models import StatementRecord
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import statements, transactions
from bankapp.repositories.statements import ClosingState
from bankapp.services import ledger
from bankapp.services.statement_hashes import StatementHash

SETTLES_WITHIN: Final = timedelta(hours=1)
"""How long after its end a month is closed.

A transaction is dated before it is stored, and in between it may wait for the account's lock. A query lasts 5 s at
most and a command is repeated for 5 s, so an hour also covers machines whose clocks differ.
"""

BATCH_SIZE: Final = 100
"""How many accounts are locked at a time; so many commit together."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing came to: how many records were made, and the accounts for which the database refused them."""

    made: int
    refused: tuple[str, ...] = ()


def close_all() -> Closing:
    """Make the records that are missing, for all accounts, a batch at a time."""
    last_day = _last_closed_day()
    made, refused = 0, list[str]()
    for lacking in statements.lacking(last_day):
        for at in range(0, len(lacking), BATCH_SIZE):
            closing = _close_batch(lacking[at : at + BATCH_SIZE], last_day)
            made += closing.made
            refused += closing.refused
    return Closing(made, tuple(refused))


def _close_batch(account_ids: Sequence[str], last_day: date) -> Closing:
    """Close the accounts together; where the database refuses, each alone, so that one does not keep the others."""
    try:
        return Closing(_close(account_ids, last_day))
    except db.ConstraintViolated:
        if len(account_ids) == 1:
            return Closing(0, tuple(account_ids))
    each = [_close_batch([account_id], last_day) for account_id in account_ids]
    return Closing(sum(one.made for one in each), tuple(account_id for one in each for account_id in one.refused))


def complete(account_id: str) -> None:
    """Make the records that are missing for an account."""
    last_day = _last_closed_day()
    if statements.lacks(account_id, last_day):
        _close([account_id], last_day)


def _last_closed_day() -> date:
    """Return the last day of the last month that no transaction can be dated into."""
    return (clock.now() - SETTLES_WITHIN).date().replace(day=1) - timedelta(days=1)


def _close(account_ids: Sequence[str], last_day: date) -> int:
    """Make the records that accounts lack up to ``last_day``, and return how many that were.

    The accounts are locked twice, for a moment. The first lock waits for transactions that hold the accounts, so what
    they dated into a closed month is seen. The entries are read without lock: a busy account has many, and payments
    must not wait for them. Under the second lock only what is still missing is stored. Of two runs that close one
    account, the later one stores nothing.
    """
    states = db.run(partial(_locked_states, account_ids))
    with db.snapshot():
        drafts = [record for state in states for record in _missing(state, last_day)]
    return db.run(partial(_store, drafts)) if drafts else 0


def _locked_states(account_ids: Sequence[str]) -> list[ClosingState]:
    account_rows.lock(ledger.names(account_ids))
    # A separate query: a query that waits for a lock sees other tables as they were before it waited.
    return statements.states(account_ids)


def _store(drafts: Sequence[StatementRecord]) -> int:
    numbers = {state.id: state.number or 0 for state in _locked_states([*{draft.account_id for draft in drafts}])}
    records = [draft for draft in drafts if draft.number > numbers[draft.account_id]]
    if records:
        statements.add(records)
    return len(records)


def _missing(state: ClosingState, last_day: date) -> Iterator[StatementRecord]:
    """Yield the records that an account lacks, made but not stored, in the order of their numbers."""
    while not _is_complete(state, last_day):
        record = _record(state)
        yield record
        state = state._replace(
            number=record.number,
            to_date=record.to_date,
            closing_balance=record.closing_balance,
            last_sequence=record.last_sequence,
            last_made_at=record.created_at,
        )


def _is_complete(state: ClosingState, last_day: date) -> bool:
    has_all_entries = state.status == "closed" and state.last_sequence == state.sequence
    return has_all_entries or _next_month(state) > last_day


def _next_month(state: ClosingState) -> date:
    """Return the first day of the month that an account's next statement is of."""
    if state.to_date is not None:
        return state.to_date + timedelta(days=1)
    # The clocks of two machines may date the first entry before the account.
    return min(state.created_at, state.first_posted_at or state.created_at).date().replace(day=1)


def _record(state: ClosingState) -> StatementRecord:
    """Return the record of the month after an account's last statement."""
    first_day = _next_month(state)
    last_day = (first_day + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    sequence_before, balance = state.last_sequence or 0, state.closing_balance or 0
    last = None if sequence_before == state.sequence else transactions.last_before(state.id, _after(last_day))
    last_sequence = last.sequence if last else sequence_before
    now = clock.now()
    # A camt.053 message takes its id from this time, so no two statements of an account have the same.
    created_at = max(now, state.last_made_at + timedelta(microseconds=1)) if state.last_made_at else now
    record = StatementRecord(
        id=ids.new(),
        account_id=state.id,
        number=(state.number or 0) + 1,
        from_date=first_day,
        to_date=last_day,
        opening_balance=balance,
        closing_balance=last.balance_after if last else balance,
        entry_count=last_sequence - sequence_before,
        first_sequence=sequence_before + 1,
        last_sequence=last_sequence,
        holder_name=f"{state.first_name} {state.last_name}",
        content_hash="",
        created_at=created_at,
    )
    content = StatementHash(record)
    for row in statements.entries(record):
        content.add(row)
    return record._replace(content_hash=content.hexdigest())


def _after(day: date) -> datetime:
    return datetime.combine(day, time.min, UTC) + timedelta(days=1)
