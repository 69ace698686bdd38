"""The clock of the database, as an expression of SQL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Float, bindparam, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from bankapp.models.types import UtcDateTime


class _DatabaseTime(FunctionElement[Any]):
    """The time of the database when it reaches the expression, plus a number of seconds."""

    type = UtcDateTime()
    name = "database_time"
    inherit_cache = True


def database_time(parameter: str | None = None) -> ColumnElement[Any]:
    """Return the database's current time, plus the seconds in the statement's parameter of this name.

    Machines whose clocks differ agree on this clock. On PostgreSQL it moves on within a transaction. On SQLite all
    processes are on one machine; the time has milliseconds.
    """
    seconds: Any = literal(0.0, Float) if parameter is None else bindparam(parameter, type_=Float)
    return _DatabaseTime(seconds)


@compiles(_DatabaseTime, "postgresql")
def _on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"(clock_timestamp() + make_interval(secs => {compiler.process(element.clauses, **options)}))"


@compiles(_DatabaseTime, "sqlite")
def _on_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    # The texts have the width of UtcDateTime's, so that their order is that of the times.
    seconds = compiler.process(element.clauses, **options)
    return f"strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', {seconds} || ' seconds')"
