"""Statements: functions that run one and return its rows.

A statement with parameters is built once, compiled once and run by the driver. Execution by SQLAlchemy would
double the cost of such a statement (decision 0009). A statement that contains its values, such as a list with
filters, is run by SQLAlchemy. Callers see no difference.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, TypeVar, overload

import sqlalchemy
from sqlalchemy import Connection, Dialect, Executable, Select, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

from bankapp.db import dialects, driver_errors, replication
from bankapp.db.connection import RequestConnection, current
from bankapp.errors import Unavailable

Record = TypeVar("Record", bound=NamedTuple)
Parameters = Mapping[str, Any]

FETCH_SIZE: Final = 1_000
"""How many rows :func:`stream` fetches at a time."""


@overload
def rows(statement: Executable, parameters: Parameters | None = None) -> list[Any]: ...
@overload
def rows(statement: Executable, parameters: Parameters | None = None, *, record: type[Record]) -> list[Record]: ...
def rows(statement: Executable, parameters: Parameters | None = None, *, record: Any = None) -> list[Any]:
    """Return all rows of a SELECT, each as a ``record`` (a NamedTuple class whose fields are the columns in order).

    A statement with bindparams gets their values as ``parameters``. It must be built once, at import or by a
    cached function. Raises Unavailable, and what the request's guard raises.
    """
    request = current()
    guard = request.guard
    if guard is None:
        return _fetch(request.pooled(), statement, parameters, record)
    if parameters is None or not isinstance(statement, Select):
        check_guard()
        return _fetch(request.pooled(), statement, parameters, record)
    return _run_guarded(_with_guard(statement, guard.query), statement, parameters, record)


@overload
def one(statement: Executable, parameters: Parameters | None = None) -> Any: ...
@overload
def one(statement: Executable, parameters: Parameters | None = None, *, record: type[Record]) -> Record | None: ...
def one(statement: Executable, parameters: Parameters | None = None, *, record: Any = None) -> Any:
    """Return the first row, or None. Arguments and errors are those of :func:`rows`."""
    found = rows(statement, parameters, record=record)
    return found[0] if found else None


def value(statement: Executable, parameters: Parameters | None = None) -> Any:
    """Return the first column of the first row, or None. Arguments and errors are those of :func:`rows`."""
    found = rows(statement, parameters)
    return found[0][0] if found else None


def stream(statement: Executable, parameters: Parameters | None = None) -> Iterator[Any]:
    """Yield the rows of a long SELECT in the open transaction or snapshot. Memory does not grow with their number.

    Raises Unavailable.
    """
    connection = current().pooled()
    options = {"yield_per": FETCH_SIZE}
    try:
        yield from connection.execute(statement, parameters or {}, execution_options=options)
    except DBAPIError as problem:
        raise driver_errors.meaning(problem) from problem


def change(statement: Executable, parameters: Parameters | Sequence[Parameters] | None = None) -> int:
    """Run a writing statement and return how many rows it wrote. With a list of ``parameters`` it runs for each.

    Raises ConstraintViolated, Unavailable, and what the request's guard raises.
    """
    check_guard()
    connection = current().pooled()
    if isinstance(parameters, Mapping):
        return prepared(statement, connection.dialect).change(connection, parameters)
    return int(_execute(connection, statement, parameters).rowcount)


def change_without_waiting(statement: Executable, parameters: Parameters) -> bool:
    """Run a writing statement that may be left out. Returns False where it waits for a lock or cannot run now.

    On PostgreSQL the statement itself must skip locked rows.
    """
    try:
        connection = current().pooled()
        with dialects.impatient(connection):
            change(statement, parameters)
    except Unavailable:
        return False
    return True


def insert(model: Any, row: Parameters, *, ignore_conflict: bool = False) -> bool:
    """Store a row in a model's table; columns that are not in ``row`` are null. Returns True.

    With ``ignore_conflict``, stores nothing and returns False if a unique value exists. Raises ValueError for an
    unknown column, and as :func:`change`.
    """
    table = model.__table__
    names = {column.name for column in table.columns}
    if unknown := row.keys() - names:
        raise ValueError(f"{table.name} has no column {', '.join(sorted(unknown))}")
    dialect = current().pooled().dialect.name
    return change(_insert(table, dialect, ignore_conflict), {**dict.fromkeys(names), **row}) == 1


def insert_all(model: Any, rows: Sequence[Parameters], *, ignore_conflict: bool = False) -> int:
    """Store rows in a model's table in one round trip; return how many were stored. Else as :func:`insert`.

    Each row must have every column.
    """
    if not rows:
        return 0
    dialect = current().pooled().dialect.name
    # By default SQLAlchemy forgets how many rows an INSERT stored.
    counted = _insert(model.__table__, dialect, ignore_conflict).execution_options(preserve_rowcount=True)
    return change(counted, rows)


def rows_if_admitted(build: Callable[[Select[Any] | None], Select[Any]], parameters: Parameters) -> list[Any]:
    """Return the rows of a SELECT with writing CTEs that checks the request's guard itself.

    ``build(query)`` returns a statement whose last column is the value of the guard's ``query``, and which writes
    nothing if ``query`` has no row. ``build(None)`` returns the statement without the guard. Both results must be
    cached. Raises ConstraintViolated, Unavailable, and what the guard raises.
    """
    request = current()
    guard = request.guard
    if guard is None:
        return rows(build(None), parameters)
    return _run_guarded(build(guard.query), build(None), parameters, None)


def check_guard() -> None:
    """Check the guard of this context now, unless an earlier statement did. Raises what the guard raises."""
    request = current()
    if request.guard is not None:
        _pass_guard(request, ())


def _pass_guard(request: RequestConnection, found: Sequence[Any]) -> None:
    """Call the guard with the last column of a statement's rows; without rows, run the guard's query."""
    guard = request.guard
    assert guard is not None
    if not found:
        connection = request.pooled()
        found = prepared(guard.query, connection.dialect).fetch(connection, guard.parameters)
    # The guard is off while `admit` decides, because `admit` may run another query. A refusal restores the guard.
    request.guard = None
    try:
        guard.admit(found[0][-1] if found else None)
    except BaseException:
        request.guard = guard
        raise


@cache
def _with_guard(statement: Select[Any], query: Select[Any]) -> Select[Any]:
    return statement.add_columns(query.correlate(None).scalar_subquery().label("guard"))


def _run_guarded(guarded: Select[Any], statement: Select[Any], parameters: Parameters, record: Any) -> list[Any]:
    """Run ``guarded``, which is ``statement`` with the guard's value as last column; return rows without it."""
    request = current()
    guard = request.guard
    assert guard is not None, "only a guarded request runs a guarded statement"
    connection = request.pooled()
    found = prepared(guarded, connection.dialect).fetch(connection, {**guard.parameters, **parameters})
    _pass_guard(request, found)
    return prepared(statement, connection.dialect).records([values[:-1] for values in found], record)


def _fetch(connection: Connection, statement: Executable, parameters: Parameters | None, record: Any) -> list[Any]:
    if parameters is not None and isinstance(statement, Select):
        plan = prepared(statement, connection.dialect)
        return plan.records(plan.fetch(connection, parameters), record)
    found = _execute(connection, statement, parameters).all()
    return [record._make(row) for row in found] if record is not None else list(found)


def _execute(connection: Connection, statement: Executable, parameters: Any) -> Any:
    try:
        result = connection.execute(statement, parameters)
    except DBAPIError as problem:
        raise driver_errors.meaning(problem) from problem
    replication.demand_confirmed(connection)
    return result


@cache
def _insert(table: Any, dialect: str, ignore_conflict: bool) -> Executable:
    values = {column.name: bindparam(column.name, type_=column.type) for column in table.columns}
    if not ignore_conflict:
        return sqlalchemy.insert(table).values(values)
    insert = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return insert(table).values(values).on_conflict_do_nothing()


@cache
def _row_type(statement: Select[Any]) -> Any:
    return namedtuple("Row", statement.selected_columns.keys())


class Prepared:
    """A statement that is compiled for one dialect and run by the driver. Parameters have the bindparams' names."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # every Executable here is a ClauseElement, too
        assert isinstance(compiled, SQLCompiler)
        self._sql: str = compiled.string
        self._order = compiled.positiontup
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        bound = {name: bind for name, bind in binds.items() if not bind.required}
        self._constants = {name: bind.value for name, bind in bound.items() if bind.callable is None}
        self._computed = {name: bind.callable for name, bind in bound.items() if bind.callable is not None}
        writers = {name: _impl(bind.type, dialect).bind_processor(dialect) for name, bind in binds.items()}
        self._writers = {name: writer for name, writer in writers.items() if writer is not None}
        self._is_select = isinstance(statement, Select)
        if isinstance(statement, Select):
            columns = statement.selected_columns
            self._row_type = _row_type(statement)
            self._readers = [_impl(column.type, dialect).result_processor(dialect, None) for column in columns]

    def fetch(self, connection: Connection, parameters: Parameters) -> list[tuple[Any, ...]]:
        """Run a SELECT and return all rows with the driver's values."""
        found: list[tuple[Any, ...]] = self._run(connection, parameters)
        return found

    def records(self, rows: list[tuple[Any, ...]], record: Any) -> list[Any]:
        """Return rows of :meth:`fetch` as records, or without ``record`` as named tuples."""
        make = (record or self._row_type)._make
        if any(self._readers):
            return [make(self._read(values)) for values in rows]
        return list(map(make, rows))

    def change(self, connection: Connection, parameters: Parameters) -> int:
        """Run the statement and return how many rows it wrote."""
        return int(self._run(connection, parameters))

    def _read(self, values: Sequence[Any]) -> list[Any]:
        pairs = zip(values, self._readers, strict=True)
        return [value if read is None else read(value) for value, read in pairs]

    def _run(self, connection: Connection, parameters: Parameters) -> Any:
        """Run the statement; return the rows of a SELECT, or the number of rows that another statement wrote."""
        values = self._values(parameters)
        # Listeners of the engine (tracing, counting) get the same events as from SQLAlchemy's own execution. They
        # may store state on the context between the two events. A statement that a listener returns is ignored.
        event = (self._sql, values, SimpleNamespace(), False)
        try:
            cursor = _cursor(connection)
            for listener in connection.engine.dispatch.before_cursor_execute:
                listener(connection, cursor, *event)
            cursor.execute(self._sql, values)
            replication.demand_confirmed(connection)
            result = cursor.fetchall() if self._is_select else cursor.rowcount
            for listener in connection.engine.dispatch.after_cursor_execute:
                listener(connection, cursor, *event)
            return result
        except connection.dialect.loaded_dbapi.Error as problem:
            translated = _translated(problem, connection, self._sql)
            raise driver_errors.meaning(translated) from translated
        except (KeyboardInterrupt, SystemExit) as problem:
            # A worker that is stopped during a statement leaves the connection in an unknown state.
            connection.invalidate(problem)
            raise

    def _values(self, parameters: Parameters) -> Any:
        values = {**self._constants, **parameters}
        for name, compute in self._computed.items():
            values[name] = compute()
        for name, write in self._writers.items():
            values[name] = write(values[name])
        return values if self._order is None else tuple(values[name] for name in self._order)


@lru_cache(maxsize=512)
def prepared(statement: Executable, dialect: Dialect) -> Prepared:
    """Return ``statement`` compiled for ``dialect``. The same statement object always gives the same result object."""
    return Prepared(statement, dialect)


def _cursor(connection: Connection) -> Any:
    # One cursor for all prepared statements of a connection: each statement reads all its rows at once, and the
    # driver prepares its type adapters per cursor (15 µs a statement). The cursor ends with the connection.
    info = connection.info
    if "cursor" not in info:
        info["cursor"] = connection.connection.cursor()
    return info["cursor"]


def _impl(type: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return type.dialect_impl(dialect)


def _translated(problem: Any, connection: Connection, sql: str) -> DBAPIError:
    """Return a driver's error as SQLAlchemy's. For a broken or useless connection, also drop those in the pool."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(problem, connection.connection.driver_connection, None)
    if is_lost or driver_errors.is_read_only(problem):
        # The event that broke this connection has most likely broken those in the pool. A read-only server is a
        # standby, such as a primary that was demoted.
        connection.invalidate(problem)
        connection.engine.dispose()
    translated = DBAPIError.instance(
        sql,
        None,
        problem,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=is_lost,
        dialect=dialect,
    )
    assert isinstance(translated, DBAPIError), "a driver's own error has an error of SQLAlchemy"
    return translated
