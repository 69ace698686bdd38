"""Many rows of one table in one statement.

Rows travel as one JSON document, so the number of statements does not grow with the list. This is
the one repository that speaks two dialects.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.dialects import postgresql

from bankapp import clock, database
from bankapp.extensions import db


def insert(table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Store ``rows`` (columns by name, ids as strings, times aware) in their order, in one statement."""
    if rows:
        dialect = "sqlite" if database.is_sqlite() else "postgresql"
        db.session.execute(_insert(table, dialect), {"rows": json.dumps(rows, default=_as_text)})


@functools.cache
def _insert(table: str, dialect: str) -> TextClause:
    columns = db.metadata.tables[table].columns
    names = ", ".join(column.name for column in columns)
    if dialect == "sqlite":
        values = ", ".join(f"json_extract(value, '$.{column.name}')" for column in columns)
        source = f"SELECT {values} FROM json_each(:rows) ORDER BY key"  # noqa: S608 - names of our own tables
    else:
        types = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
        typed = ", ".join(f"{column.name} {column.type.compile(types)}" for column in columns)
        source = (
            f"SELECT {names} FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS ({typed}))"  # noqa: S608 - as above
            " WITH ORDINALITY ORDER BY ordinality"
        )
    return text(f"INSERT INTO {table} ({names}) {source}")


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return clock.to_text(value)
    raise TypeError(f"{value!r} does not belong in a row")
