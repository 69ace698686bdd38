"""The hash of a statement: SHA-256 of one canonical form of what it says.

The form is lines of JSON, each an array that ends with a line feed: the first names the statement, and each entry has
one. ``docs/statements.md`` describes it for those who compute it themselves.

Records made before migration 0009 have the first form, which lacks the counterparties. Their hashes stay valid, so a
hash is compared with both forms. A changed statement fits neither.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby
from typing import Any, Final

import orjson

from bankapp import clock
from bankapp.models import StatementRecord
from bankapp.repositories import statements
from bankapp.repositories.transactions import EntryRow

_OLD_FORM: Final = "bankapp-statement-1"
_FORM: Final = "bankapp-statement-2"


class StatementHash:
    """The hash of what a record says, while its entries are added, oldest first."""

    def __init__(self, record: StatementRecord) -> None:
        head = (
            record.account_id,
            record.number,
            _text(record.from_date),
            _text(record.to_date),
            record.opening_balance,
            record.holder_name,
            _text(record.created_at),
        )
        self._hash = hashlib.sha256(_line(_FORM, *head))
        self._old_hash = hashlib.sha256(_line(_OLD_FORM, *head))

    def add(self, entry: EntryRow) -> None:
        """Add the next entry."""
        values = (
            entry.sequence,
            entry.id,
            entry.type,
            entry.direction,
            entry.amount,
            entry.balance_after,
            entry.description,
            entry.transfer_id,
            _text(entry.created_at),
        )
        self._old_hash.update(_line(*values))
        self._hash.update(
            _line(
                *values,
                entry.counterparty_name,
                entry.counterparty_account_number,
                entry.reference,
                entry.end_to_end_id,
            )
        )

    def hexdigest(self) -> str:
        """Return the hash of what was added, in 64 hexadecimal digits."""
        return self._hash.hexdigest()

    def is_that_of(self, record: StatementRecord) -> bool:
        """Tell whether a record has the hash of what was added, in the form of its time."""
        return record.content_hash in (self._hash.hexdigest(), self._old_hash.hexdigest())


def _line(*values: Any) -> bytes:
    return orjson.dumps(values) + b"\n"


def changed(low: str, high: str) -> Iterator[tuple[StatementRecord, str]]:
    """Yield the records whose hash is not that of their entries, each with the hash of what it says now.

    Looks at the accounts from ``low`` (excluded) to ``high``, in an open snapshot.
    """
    for record, rows in groupby(statements.with_entries(low, high), key=lambda row: row[0]):
        content = StatementHash(record)
        for _, entry in rows:
            if entry is not None:
                content.add(entry)
        if not content.is_that_of(record):
            yield record, content.hexdigest()


def _text(value: date | datetime | str) -> str:
    """Write a day or a time; text is what SQLite stores of them, which is the same."""
    if isinstance(value, str):
        return value
    return clock.to_text(value) if isinstance(value, datetime) else value.isoformat()
