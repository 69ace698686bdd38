"""The begin of a command on PostgreSQL: one statement, one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, Final

from sqlalchemy import CTE, Select, bindparam, select, true
from sqlalchemy.dialects.postgresql import insert

from bankapp import db
from bankapp.models import AuditLog, IdempotencyKey
from bankapp.repositories.accounts import AccountNames, AccountState, states_query

_KEY_COLUMNS: Final = ("scope", "fingerprint", "claim_id", "claimed_at")


def begin(
    key: dict[str, Any] | None, audit_row: dict[str, Any], names: AccountNames | None
) -> tuple[bool, list[AccountState] | None]:
    """Implement :func:`bankapp.repositories.claims.begin`."""
    shape = None if names is None else (len(names.ids), len(names.numbers))
    parameters = {**audit_row, **(key or {}), **(names.parameters if names is not None else {})}
    rows = db.rows_if_admitted(partial(_begin, key is not None, shape), parameters)
    if not rows:
        return False, None
    if names is None:
        return True, None
    return True, [AccountState._make(row[1:]) for row in rows if row[1] is not None]


@cache
def _begin(has_key: bool, shape: tuple[int, int] | None, guard: Select[Any] | None) -> Select[Any]:
    # The audit row is stored only with the key, and the key only if the guard admits: each step tests with EXISTS
    # whether the step before it returned a row.
    steps: list[CTE] = []
    if guard is not None:
        steps.append(guard.cte("guard"))
    if has_key:
        claimed = _insert(IdempotencyKey, _KEY_COLUMNS, steps).on_conflict_do_nothing()
        steps.append(claimed.returning(IdempotencyKey.scope).cte("claimed"))
    begun = _insert(AuditLog, AuditLog.__table__.columns.keys(), steps).returning(AuditLog.id).cte("begun")
    # At least one row where the command began, and no row where it did not.
    query = select(begun.c.id.label("begun"))
    if shape is not None:
        accounts = states_query(*shape).subquery("snapshot")
        query = query.add_columns(*accounts.c).select_from(begun.outerjoin(accounts, true()))
    if guard is not None:
        query = query.add_columns(select(*steps[0].c).scalar_subquery().label("guard"))
    return query


def _insert(model: Any, columns: Sequence[str], steps: Sequence[CTE]) -> Any:
    """Return an INSERT of one row if the last of ``steps`` has a row. Its parameters are named like ``columns``."""
    table = model.__table__
    values = select(*(bindparam(name, type_=table.columns[name].type) for name in columns))
    for step in steps[-1:]:
        values = values.where(select(*step.c).exists())
    return insert(table).from_select(columns, values)
