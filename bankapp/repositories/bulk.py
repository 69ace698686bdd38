"""Writes of many rows, and of several tables, in as few statements as the dialect allows.

Rows travel as one JSON document a table, so the number of statements does not grow with the list.
PostgreSQL takes the tables of one step in one statement, too; SQLite, which is asked without a
network between, takes one after the other. This is the one repository that speaks two dialects.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

import orjson
from sqlalchemy import CTE, Select, TextClause, Update, func, select, text, true
from sqlalchemy.dialects import postgresql

from bankapp import clock, connections, database
from bankapp.extensions import db
from bankapp.models.types import Id

Rows = Sequence[dict[str, Any]]
"""Rows of one table: columns by name, ids as strings, times aware."""

Tables = Mapping[str, Rows]
"""Rows by table, in the order in which they are stored."""


# Time does not run backwards within an account, whoever was there in between.
_LATER: Final = "greatest(given.created_at, (SELECT max(last_posted_at) FROM held))"
_JOINED: Final = {"transactions": "LEFT JOIN held ON held.id = given.account_id"}
_MOVED: Final[Mapping[str, Mapping[str, str]]] = {
    "transactions": {
        "sequence": "given.sequence + held.sequence",
        "balance_after": "given.balance_after + held.balance",
        "created_at": _LATER,
    },
    "postings": {"created_at": _LATER},
}


def insert(tables: Tables) -> None:
    """Store the rows of one or more tables, in their order; a table without rows is left out."""
    documents = _documents(tables)
    if database.is_sqlite():
        for name, document in documents.items():
            connections.change(_sqlite(name), {name: document})
    elif documents:
        connections.change(_postgresql(*documents), documents)


def insert_and_change(tables: Tables, change: Update, parameters: dict[str, Any]) -> int:
    """Store rows as :func:`insert` does and carry ``change`` out; return how many rows the latter wrote."""
    if database.is_sqlite():
        insert(tables)
        return connections.change(change, parameters)
    documents = _documents(tables)
    return connections.change(_with_inserts(change, *documents), parameters | documents)


def insert_rebased(tables: Tables, base: Rows, done: CTE, parameters: dict[str, Any]) -> bool:
    """Store postings with their legs, moved along by what became of the accounts since they were ``base``.

    One statement of PostgreSQL. It locks the accounts in the order of their ids, and stores all when
    ``done`` changed a row, else nothing.
    """
    documents = _documents(tables)
    accounts = {f"{name}_{number}": value for number, row in enumerate(base) for name, value in row.items()}
    statement = _rebased(done, len(base), *documents)
    return bool(connections.rows(statement, parameters | documents | accounts)[0].stored)


def _documents(tables: Tables) -> dict[str, str]:
    # SQLite keeps the very text, which must be the clock's; PostgreSQL understands every spelling of a time.
    option = orjson.OPT_PASSTHROUGH_DATETIME if database.is_sqlite() else 0
    return {name: orjson.dumps(rows, _as_text, option).decode() for name, rows in tables.items() if rows}


def claim(key: dict[str, Any], audit_row: dict[str, Any]) -> bool:
    """Store an idempotency key and, with it, a pending audit row; False, and neither, when the key exists."""
    if not database.is_sqlite():
        return claim_and_read(key, audit_row, None, {}) is not None
    documents = _claim_documents(key, audit_row)
    claimed = connections.change(_claim_sqlite(), {"idempotency_keys": documents["idempotency_keys"]}) == 1
    if claimed:
        connections.change(_sqlite("audit_logs"), {"audit_logs": documents["audit_logs"]})
    return claimed


def claim_and_read(
    key: dict[str, Any], audit_row: dict[str, Any], query: Select[Any] | None, parameters: dict[str, str]
) -> list[Any] | None:
    """Store a key and an audit row as :func:`claim` does, and return what ``query`` finds; None when the key exists.

    One statement of PostgreSQL. The first column of ``query`` is never null.
    """
    build = functools.partial(_claim_and_read, query)
    found = connections.rows_through_gate(build, _claim_documents(key, audit_row) | parameters)
    if not found:
        return None
    return [] if query is None else [row[1:] for row in found if row[1] is not None]


def _claim_documents(key: dict[str, Any], audit_row: dict[str, Any]) -> dict[str, str]:
    return _documents({"idempotency_keys": [key], "audit_logs": [audit_row]})


@functools.cache
def _sqlite(table: str, ending: str = "") -> TextClause:
    names = [column.name for column in db.metadata.tables[table].columns]
    values = ", ".join(f"json_extract(value, '$.{name}')" for name in names)
    # "WHERE true" keeps SQLite from reading what follows as a join's ON.
    source = f"SELECT {values} FROM json_each(:{table}) WHERE true ORDER BY key"  # noqa: S608 - names of our own tables
    return text(f"INSERT INTO {table} ({', '.join(names)}) {source} {ending}")


@functools.cache
def _postgresql(*tables: str) -> TextClause:
    *first, last = (_insert_postgresql(table) for table in tables)
    steps = ", ".join(f"step_{number} AS ({step})" for number, step in enumerate(first))
    return text(f"WITH {steps} {last}" if steps else last)


@functools.cache
def _with_inserts(change: Update, *tables: str) -> Update:
    steps = (text(_insert_postgresql(table)).columns().cte(f"step_{number}") for number, table in enumerate(tables))
    return change.add_cte(*steps)


@functools.cache
def _rebased(done: CTE, accounts: int, *tables: str) -> Select[Any]:
    base = ", ".join(
        f"(CAST(:id_{number} AS uuid), CAST(:balance_{number} AS bigint), CAST(:sequence_{number} AS bigint))"
        for number in range(accounts)
    )
    held = text(
        "SELECT now.id, now.balance - base.balance AS balance, now.sequence - base.sequence AS sequence,"  # noqa: S608 - parameters of our own
        f" now.last_posted_at FROM (VALUES {base}) AS base (id, balance, sequence)"
        " JOIN accounts AS now ON now.id = base.id ORDER BY now.id FOR NO KEY UPDATE OF now"
    )
    inserts = [
        _insert_postgresql(table, f"{_JOINED.get(table, '')} WHERE EXISTS (SELECT FROM done)", _MOVED.get(table, {}))
        for table in tables
    ]
    steps = (text(insert).columns().cte(f"step_{number}") for number, insert in enumerate(inserts))
    return select(func.count().label("stored")).select_from(done).add_cte(done, held.columns().cte("held"), *steps)


@functools.cache
def _claim_sqlite() -> TextClause:
    return _sqlite("idempotency_keys", "ON CONFLICT DO NOTHING")


@functools.cache
def _claim_and_read(query: Select[Any] | None, gate: Select[Any] | None) -> Select[Any]:
    let_in = "" if gate is None else "WHERE EXISTS (SELECT FROM gate)"
    key = f"{_insert_postgresql('idempotency_keys', let_in)} ON CONFLICT DO NOTHING RETURNING scope"
    audit_row = f"{_insert_postgresql('audit_logs', 'WHERE EXISTS (SELECT FROM claimed)')} RETURNING id"
    claimed = text(key).columns().cte("claimed")
    begun = text(audit_row).columns(id=Id).cte("begun")
    # One row at least where the key was claimed, and none where it was not.
    found = select(begun.c.id.label("begun"))
    if query is not None:
        seen = query.subquery("seen")
        found = found.add_columns(*seen.c).select_from(begun.outerjoin(seen, true()))
    if gate is None:
        return found.add_cte(claimed)
    asked = gate.cte("gate")
    return found.add_columns(select(*asked.c).scalar_subquery().label("gate")).add_cte(asked, claimed)


def _insert_postgresql(table: str, condition: str = "", instead: Mapping[str, str] = MappingProxyType({})) -> str:
    columns = db.metadata.tables[table].columns
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    names = ", ".join(column.name for column in columns)
    typed = ", ".join(f"{column.name} {column.type.compile(dialect)}" for column in columns)
    values = ", ".join(instead.get(column.name, f"given.{column.name}") for column in columns)
    rows = f"ROWS FROM (json_to_recordset(CAST(:{table} AS json)) AS ({typed})) WITH ORDINALITY AS given"
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM {rows} {condition} ORDER BY ordinality"  # noqa: S608 - names of our own tables


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return clock.to_text(value)
    raise TypeError(f"{value!r} does not belong in a row")
