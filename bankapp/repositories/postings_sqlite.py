"""The end of a command on SQLite: one statement for each table, in the transaction that excludes other writers."""

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
    """Raise NotImplementedError: on SQLite every command decides under the lock, since only one writes at a time."""
    raise NotImplementedError


def add(tables: Tables) -> None:
    """Implement :func:`bankapp.repositories.postings.add`."""
    for name, rows in tables.items():
        if rows:
            db.change(_insert(name), {"rows": _document(rows)})


def _document(rows: Sequence[Mapping[str, Any]]) -> str:
    # SQLite stores the text of a time unchanged, so it must have the format of the clock.
    return orjson.dumps(rows, _time_as_text, orjson.OPT_PASSTHROUGH_DATETIME).decode()


def _time_as_text(value: object) -> str:
    if isinstance(value, datetime):
        return clock.to_text(value)
    raise TypeError(f"{value!r} cannot be stored in a row")


@cache
def _insert(table: str) -> TextClause:
    names = [column.name for column in Posting.metadata.tables[table].columns]
    values = ", ".join(f"json_extract(value, '$.{name}')" for name in names)
    source = f"SELECT {values} FROM json_each(:rows) ORDER BY key"  # noqa: S608 - names of the models' tables
    return text(f"INSERT INTO {table} ({', '.join(names)}) {source}")
