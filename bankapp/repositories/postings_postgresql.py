"""The end of a command on PostgreSQL: one statement for any number of postings.

The rows of a table are one parameter, a JSON document. The statement therefore does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any, Final

import orjson
from sqlalchemy import CTE, Select, TextClause, Update, bindparam, func, select, text
from sqlalchemy.dialects import postgresql

from bankapp import db
from bankapp.models import AuditLog, IdempotencyKey, Posting
from bankapp.models.audit_log import PENDING
from bankapp.repositories import audit_logs, idempotency_keys

Rows = Sequence[Mapping[str, Any]]
Tables = Mapping[str, Rows]

_AUDIT: Any = AuditLog.__table__

# In a transaction: the key is finished only if the audit row was.
_FINISHED = audit_logs.FINISH.returning(_AUDIT.c.id).cte("finished")
_FINISH_BOTH = idempotency_keys.FINISH.where(select(_FINISHED.c.id).exists())

# In a statement without a transaction, which must store nothing when the claim is lost: the audit row is finished
# only if the key was.
_IS_PENDING = select(_AUDIT.c.id).where(_AUDIT.c.id == bindparam("row_id"), _AUDIT.c.status == PENDING)
_ANSWERED = idempotency_keys.FINISH.where(_IS_PENDING.exists()).returning(IdempotencyKey.scope).cte("answered")
_FINISHED_IF_ANSWERED = (
    audit_logs.FINISH.where(select(_ANSWERED.c.scope).exists()).returning(_AUDIT.c.id).cte("finished")
)

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
    finish = _FINISH_BOTH if has_key else audit_logs.FINISH
    return finish.add_cte(*_steps([_insert(table) for table in tables]))


@cache
def _store_on_snapshot(has_key: bool, accounts: int, *tables: str) -> Select[Any]:
    finished = _FINISHED_IF_ANSWERED if has_key else _FINISHED
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
    stored = select(func.count().label("stored")).select_from(finished)
    return stored.add_cte(finished, moved.columns().cte("moved"), *_steps(inserts))


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
