"""Statements that are built once and then carried out by the driver, for the paths that every request takes.

SQLAlchemy writes the SQL, names the parameters and knows how each type is written and read. Its own
execution would cost such a path as much again as the driver's (see docs/performance.md).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, TypeVar

from sqlalchemy import Connection, Dialect, Executable, Select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeEngine

T = TypeVar("T")


class Prepared:
    """A statement in the words of one dialect; its parameters go by the names of its bindparams."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect)  # type: ignore[attr-defined]  # every Executable here is a ClauseElement, too
        assert isinstance(compiled, SQLCompiler)
        self._sql: str = compiled.string
        self._order = compiled.positiontup
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        given = {name: bind for name, bind in binds.items() if not bind.required}
        self._constants = {name: bind.value for name, bind in given.items() if bind.callable is None}
        self._called = {name: bind.callable for name, bind in given.items() if bind.callable is not None}
        writers = {name: _impl(bind.type, dialect).bind_processor(dialect) for name, bind in binds.items()}
        self._writers = {name: writer for name, writer in writers.items() if writer is not None}
        if isinstance(statement, Select):
            self.read = _reader(statement, dialect)

    def rows(self, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        """Return all rows, as named tuples."""
        return list(map(self.read, self.values(connection, parameters)))

    def values(self, connection: Connection, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """Return all rows as the driver has them; :attr:`read` makes what :meth:`rows` returns of each."""
        return self._run(connection, parameters, lambda cursor: list(cursor.fetchall()))

    def change(self, connection: Connection, parameters: Mapping[str, Any]) -> int:
        """Carry the statement out and return how many rows it wrote."""
        return self._run(connection, parameters, lambda cursor: int(cursor.rowcount))

    def _run(self, connection: Connection, parameters: Mapping[str, Any], take: Callable[[Any], T]) -> T:
        values = self._values(parameters)
        # Whoever listens to the engine, to trace or to count, must not miss the busiest statements. They keep what
        # they know between the two calls on the context; what they return is not asked for.
        told = (self._sql, values, SimpleNamespace(), False)
        try:
            cursor = _cursor(connection)
            for tell in connection.engine.dispatch.before_cursor_execute:
                tell(connection, cursor, *told)
            cursor.execute(self._sql, values)
            taken = take(cursor)
            for tell in connection.engine.dispatch.after_cursor_execute:
                tell(connection, cursor, *told)
            return taken
        except connection.dialect.loaded_dbapi.Error as problem:
            raise _translated(problem, connection, self._sql) from problem
        except (KeyboardInterrupt, SystemExit) as problem:
            # A worker that is told to end in the middle leaves a connection of which nobody knows what it does.
            connection.invalidate(problem)
            raise

    def _values(self, parameters: Mapping[str, Any]) -> Any:
        values = {**self._constants, **parameters}
        for name, call in self._called.items():
            values[name] = call()
        for name, write in self._writers.items():
            values[name] = write(values[name])
        return values if self._order is None else tuple(values[name] for name in self._order)


def _cursor(connection: Connection) -> Any:
    # A connection's one cursor for all of them: whoever uses it takes everything at once, and the driver finds out
    # anew for each cursor how its values are written and read. It goes with the connection.
    known = connection.info
    if "cursor" not in known:
        known["cursor"] = connection.connection.cursor()
    return known["cursor"]


@lru_cache(maxsize=512)
def prepared(statement: Executable, dialect: Dialect) -> Prepared:
    """Return ``statement`` in the words of ``dialect``; the same one every time, so build a statement once."""
    return Prepared(statement, dialect)


def _impl(type: TypeEngine[Any], dialect: Dialect) -> TypeEngine[Any]:
    return type.dialect_impl(dialect)


def _reader(statement: Select[Any], dialect: Dialect) -> Callable[[Any], Any]:
    columns = statement.selected_columns
    row = namedtuple("row", columns.keys())  # type: ignore[misc]  # the names are the statement's
    readers = [_impl(column.type, dialect).result_processor(dialect, None) for column in columns]
    if not any(readers):
        return row._make
    return lambda values: row(
        *[value if read is None else read(value) for value, read in zip(values, readers, strict=True)]
    )


def _translated(problem: Any, connection: Connection, sql: str) -> Exception:
    """Return a driver's error as SQLAlchemy's own execution would raise it."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(problem, connection.connection.driver_connection, None)
    if lost:
        # What ended this connection has most likely ended those that wait in the pool, too.
        connection.invalidate(problem)
        connection.engine.dispose()
    translated = DBAPIError.instance(
        sql,
        None,
        problem,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
    assert isinstance(translated, Exception)
    return translated
