"""The ledger's writes: a lock on the accounts concerned, and one INSERT per table however many rows.

Rows travel as one JSON document, so the number of statements does not grow with the list. This is
the one repository that speaks two dialects.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Table, TextClause, bindparam, select, text
from sqlalchemy.dialects import postgresql

from bankapp import clock, database
from bankapp.extensions import db
from bankapp.models import Account, AccountHolder
from bankapp.models.account import CASH

LockedRow = Row[str, str, str, str, int, int, int, datetime | None]

_LOCK = (
    select(
        Account.id,
        AccountHolder.user_id,
        Account.status,
        Account.currency,
        Account.balance,
        Account.held,
        Account.sequence,
        Account.last_posted_at,
    )
    .join_from(Account, AccountHolder)
    .where(Account.id.in_(bindparam("ids", expanding=True)), Account.type != CASH)
    .order_by(Account.id)
    .with_for_update(key_share=True, of=Account)
)


def lock_accounts(ids: Iterable[str]) -> Sequence[LockedRow]:
    """Lock customers' accounts in the order of their ids, and return what rules and legs need of each.

    PostgreSQL locks the rows; on SQLite the transaction began IMMEDIATE and excludes every writer.
    """
    return db.session.execute(_LOCK, {"ids": sorted(ids)}).all()


def _inserts(table: Table) -> dict[str, TextClause]:
    names = [column.name for column in table.columns]
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    typed = ", ".join(f"{column.name} {column.type.compile(dialect)}" for column in table.columns)
    extracted = ", ".join(f"json_extract(value, '$.{name}')" for name in names)
    into = f"INSERT INTO {table.name} ({', '.join(names)})"
    return {
        "postgresql": text(
            f"{into} SELECT {', '.join(names)} FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS ({typed}))"  # noqa: S608 - names of our own tables
            " WITH ORDINALITY ORDER BY ordinality"
        ),
        "sqlite": text(f"{into} SELECT {extracted} FROM json_each(:rows) ORDER BY key"),  # noqa: S608 - as above
    }


_INSERTS = {name: _inserts(db.metadata.tables[name]) for name in ("transfers", "transactions", "postings")}


def add_transfers(rows: Sequence[dict[str, Any]]) -> None:
    """Store transfers; their legs and postings must follow before the transaction ends."""
    _insert("transfers", rows)


def add_transactions(rows: Sequence[dict[str, Any]]) -> None:
    """Store legs, in order; the database moves the balances and refuses a leg that does not fit."""
    _insert("transactions", rows)


def add_postings(rows: Sequence[dict[str, Any]]) -> None:
    """Store postings, which seals their legs; the database refuses one that does not balance."""
    _insert("postings", rows)


def _insert(table: str, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        statement = _INSERTS[table]["sqlite" if database.is_sqlite() else "postgresql"]
        db.session.execute(statement, {"rows": json.dumps(rows, default=_as_text)})


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return clock.to_text(value)
    raise TypeError(f"{value!r} does not belong in a ledger row")
