"""How a command ends on SQLite: one statement for each table, inside the transaction that excludes every writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from sqlalchemy import TextClause, text

from bankapp import clock, db
from bankapp.models import Posting
from bankapp.repositories import audit_logs, idempotency_keys

Tables = Mapping[str, Sequence[Mapping[str, Any]]]


def store(tables: Tables, outcome: dict[str, Any], answered: dict[str, Any] | None) -> bool:
    """Implement :func:`bankapp.repositories.postings.store`."""
    add(tables)
    return audit_logs.finish(outcome) and (answered is None or idempotency_keys.finish(answered))


def store_on_snapshot(*_: Any) -> bool:
    """Refuse: on SQLite every command decides under the lock, since only one writes at a time."""
    raise NotImplementedError


def add(tables: Tables) -> None:
    """Implement :func:`bankapp.repositories.postings.add`."""
    for name, rows in tables.items():
        if rows:
            db.change(_insert(name), {"rows": _document(rows)})


def _document(rows: Sequence[Mapping[str, Any]]) -> str:
    # SQLite keeps the text of a time as it is, so it must be the clock's.
    return orjson.dumps(rows, _time_as_text, orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _time_as_text(value: object) -> str:
    if isinstance(value, datetime):
        return clock.to_text(value)
    raise TypeError(f"{value!r} does not belong in a row")


@cache
def _insert(table: str) -> TextClause:
    names = [column.name for column in Posting.metadata.tables[table].columns]
    values = ", ".join(f"json_extract(value, '$.{name}')" for name in names)
    source = f"SELECT {values} FROM json_each(:rows) ORDER BY key"  # noqa: S608 - names of our own tables
    return text(f"INSERT INTO {table} ({', '.join(names)}) {source}")
