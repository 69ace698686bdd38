"""How a command begins on PostgreSQL: one statement, one round trip."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

from sqlalchemy import CTE, Select, bindparam, select, true
from sqlalchemy.dialects.postgresql import insert

from bankapp import db
from bankapp.models import AuditLog, IdempotencyKey
from bankapp.repositories.accounts import AccountNames, AccountState, states_query


def begin(
    key: dict[str, Any] | None, audit_row: dict[str, Any], names: AccountNames | None
) -> tuple[bool, list[AccountState] | None]:
    """Implement :func:`bankapp.repositories.claims.begin`."""
    shape = None if names is None else (len(names.ids), len(names.numbers))
    parameters = _parameters(AuditLog, audit_row) | _parameters(IdempotencyKey, key or {})
    if names is not None:
        parameters |= names.parameters
    found = db.rows_if_admitted(partial(_begin, key is not None, shape), parameters)
    if not found:
        return False, None
    if names is None:
        return True, None
    return True, [AccountState._make(row[1:]) for row in found if row[1] is not None]


@cache
def _begin(has_key: bool, shape: tuple[int, int] | None, guard: Select[Any] | None) -> Select[Any]:
    # The audit row waits for the key, and both wait for the guard: each condition is an EXISTS on the step before.
    steps: list[CTE] = []
    if guard is not None:
        steps.append(guard.cte("guard"))
    if has_key:
        steps.append(
            _insert(IdempotencyKey, steps).on_conflict_do_nothing().returning(_key(IdempotencyKey)).cte("claimed")
        )
    begun = _insert(AuditLog, steps).returning(_key(AuditLog)).cte("begun")
    # One row at least where the command began, and none where it did not.
    found = select(begun.c.id.label("begun"))
    if shape is not None:
        accounts = states_query(*shape).subquery("accounts_seen")
        found = found.add_columns(*accounts.c).select_from(begun.outerjoin(accounts, true()))
    if guard is not None:
        found = found.add_columns(select(*steps[0].c).scalar_subquery().label("guard"))
    return found


def _insert(model: Any, steps: list[CTE]) -> Any:
    table = model.__table__
    values = select(*(bindparam(f"{table.name}_{column.name}", type_=column.type) for column in table.columns))
    for step in steps[-1:]:
        values = values.where(select(*step.c).exists())
    return insert(table).from_select([column.name for column in table.columns], values)


def _key(model: Any) -> Any:
    [key] = model.__table__.primary_key
    return key


def _parameters(model: Any, row: dict[str, Any]) -> dict[str, Any]:
    table = model.__table__
    return {f"{table.name}_{column.name}": row.get(column.name) for column in table.columns} if row else {}
