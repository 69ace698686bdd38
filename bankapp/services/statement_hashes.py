"""The hash of a statement: SHA-256 of one canonical form of what it says.

The form is lines of JSON, each an array that ends with a line feed: the first names the statement, and each entry has
one. ``docs/statements.md`` describes it for those who compute it themselves.
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

_FORM: Final = "bankapp-statement-1"


class StatementHash:
    """The hash of what a record says, while its entries are added, oldest first."""

    def __init__(self, record: StatementRecord) -> None:
        self._hash = hashlib.sha256()
        self._add(
            _FORM,
            record.account_id,
            record.number,
            _text(record.from_date),
            _text(record.to_date),
            record.opening_balance,
            record.holder_name,
            _text(record.created_at),
        )

    def add(self, entry: EntryRow) -> None:
        """Add the next entry."""
        self._add(
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

    def hexdigest(self) -> str:
        """Return the hash of what was added, in 64 hexadecimal digits."""
        return self._hash.hexdigest()

    def _add(self, *values: Any) -> None:
        self._hash.update(orjson.dumps(values) + b"\n")


def changed(low: str, high: str) -> Iterator[tuple[StatementRecord, str]]:
    """Yield the records whose hash is not that of their entries, each with the hash of what it says now.

    Looks at the accounts from ``low`` (excluded) to ``high``, in an open snapshot.
    """
    for record, rows in groupby(statements.with_entries(low, high), key=lambda row: row[0]):
        content = StatementHash(record)
        for _, entry in rows:
            if entry is not None:
                content.add(entry)
        if content.hexdigest() != record.content_hash:
            yield record, content.hexdigest()


def _text(value: date | datetime | str) -> str:
    """Write a day or a time; text is what SQLite stores of them, which is the same."""
    if isinstance(value, str):
        return value
    return clock.to_text(value) if isinstance(value, datetime) else value.isoformat()
