"""The end of a command on PostgreSQL: one statement for any number of postings.

The rows of a table are one parameter, a JSON document. The statement therefore does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import orjson
from sqlalchemy import CTE, Select, TextClause, Update, func, select, text
from sqlalchemy.dialects import postgresql

from bankapp import db
from bankapp.models import AuditLog, IdempotencyKey, Posting
from bankapp.repositories import audit_logs, idempotency_keys

Rows = Sequence[Mapping[str, Any]]
Tables = Mapping[str, Rows]

_AUDIT: Any = AuditLog.__table__

# The key is locked first and the audit row second, as everywhere. Each step tests whether the step before it has a row:
# the audit row is finished only if the claim is held, the key only if the audit row was finished. A lock waits for
# a writer of the row and then tests the row again, so none of the three can change in between.
_HELD = idempotency_keys.HELD.with_for_update(key_share=True).cte("held")
_FINISHED = audit_logs.FINISH.returning(_AUDIT.c.id).cte("finished")
_FINISHED_IF_HELD = audit_logs.FINISH.where(select(_HELD.c.scope).exists()).returning(_AUDIT.c.id).cte("finished")
_ANSWER = idempotency_keys.FINISH.where(select(_FINISHED_IF_HELD.c.id).exists())
_ANSWERED = _ANSWER.returning(IdempotencyKey.scope).cte("answered")

# Legs that were decided on a snapshot get the changes of their account since then. Time does not run backwards
# within an account, so the latest of the accounts' times counts.
_TIME: Final = "greatest(new.created_at, (SELECT max(last_posted_at) FROM moved))"
_MOVED_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "transactions": {
        "sequence": "new.sequence + moved.sequence",
        "balance_after": "new.balance_after + moved.balance",
        "created_at": _TIME,
    },
    "postings": {"created_at": _TIME},
}
_MOVED_JOIN: Final = {"transactions": "LEFT JOIN moved ON moved.id = new.account_id"}


def store(tables: Tables, outcome: dict[str, Any], answered: dict[str, Any] | None) -> bool:
    """Implement :func:`bankapp.repositories.postings.store`."""
    documents = _documents(tables)
    statement = _store(answered is not None, *documents)
    return db.change(statement, {**outcome, **(answered or {}), **documents}) == 1


def store_on_snapshot(tables: Tables, base: Rows, outcome: dict[str, Any], answered: dict[str, Any] | None) -> bool:
    """Implement :func:`bankapp.repositories.postings.store_on_snapshot`."""
    documents = _documents(tables)
    accounts = {f"{name}_{index}": value for index, row in enumerate(base) for name, value in row.items()}
    statement = _store_on_snapshot(answered is not None, len(base), *documents)
    return bool(db.value(statement, {**outcome, **(answered or {}), **documents, **accounts}))


def add(tables: Tables) -> None:
    """Implement :func:`bankapp.repositories.postings.add`."""
    documents = _documents(tables)
    if documents:
        db.change(_add(*documents), documents)


def _documents(tables: Tables) -> dict[str, str]:
    return {name: orjson.dumps(rows).decode() for name, rows in tables.items() if rows}


@cache
def _add(*tables: str) -> TextClause:
    *first, last = (_insert(table) for table in tables)
    steps = ", ".join(f"step_{index} AS ({step})" for index, step in enumerate(first))
    return text(f"WITH {steps} {last}" if steps else last)


@cache
def _store(has_key: bool, *tables: str) -> Update:
    finish = _ANSWER if has_key else audit_logs.FINISH
    return finish.add_cte(*_steps([_insert(table) for table in tables]))


@cache
def _store_on_snapshot(has_key: bool, accounts: int, *tables: str) -> Select[Any]:
    base = ", ".join(
        f"(CAST(:id_{index} AS uuid), CAST(:balance_{index} AS bigint), CAST(:sequence_{index} AS bigint))"
        for index in range(accounts)
    )
    moved = text(
        "SELECT now.id, now.balance - base.balance AS balance, now.sequence - base.sequence AS sequence,"  # noqa: S608 - the inserted text is made here
        f" now.last_posted_at FROM (VALUES {base}) AS base (id, balance, sequence)"
        " JOIN accounts AS now ON now.id = base.id ORDER BY now.id FOR NO KEY UPDATE OF now"
    )
    inserts = [
        _insert(
            table,
            f"{_MOVED_JOIN.get(table, '')} WHERE EXISTS (SELECT FROM finished)",
            _MOVED_COLUMNS.get(table, {}),
        )
        for table in tables
    ]
    outcome = [_HELD, _FINISHED_IF_HELD, _ANSWERED] if has_key else [_FINISHED]
    # What the result counts is done first. So a request with the same key waits for this one and replays its answer.
    stored = select(func.count().label("stored")).select_from(outcome[-1])
    return stored.add_cte(*outcome, moved.columns().cte("moved"), *_steps(inserts))


def _steps(inserts: Sequence[str]) -> list[CTE]:
    return [text(insert).columns().cte(f"step_{index}") for index, insert in enumerate(inserts)]


def _insert(table: str, condition: str = "", expressions: Mapping[str, str] = MappingProxyType({})) -> str:
    """Return an INSERT of the rows in the JSON parameter ``table``.

    ``expressions`` are SQL by column name, used instead of the value in the document.
    """
    columns = Posting.metadata.tables[table].columns
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # untyped in SQLAlchemy
    names = ", ".join(column.name for column in columns)
    typed = ", ".join(f"{column.name} {column.type.compile(dialect)}" for column in columns)
    values = ", ".join(expressions.get(column.name, f"new.{column.name}") for column in columns)
    rows = f"ROWS FROM (json_to_recordset(CAST(:{table} AS json)) AS ({typed})) WITH ORDINALITY AS new"
    return f"INSERT INTO {table} ({names}) SELECT {values} FROM {rows} {condition} ORDER BY ordinality"  # noqa: S608 - names of the models' tables
