"""The connection of a request: all of its statements run on one, which has its guard and open transaction.

A request, a command and a test each run in an application context. The context owns one
:class:`RequestConnection`, which takes a connection from the pool for its first statement and returns it
when the context ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Select
from sqlalchemy.exc import DBAPIError, TimeoutError

from bankapp.db import driver_errors
from bankapp.extensions import db

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition on a request, checked with or before its first statement.

    ``query`` returns at most one row of one column. ``admit`` gets its value, or None without a row. It raises to
    refuse the statement; later statements are then checked again.
    """

    query: Select[Any]
    parameters: Mapping[str, Any]
    admit: Callable[[Any], None]


@dataclass(slots=True)
class RequestConnection:
    """The connection of one application context, its guard, and its open transaction.

    ``after_commit`` are the calls to make after the commit; None while no transaction is open.
    """

    is_sqlite: bool
    guard: Guard | None = None
    after_commit: list[Callable[[], None]] | None = None
    _pooled: Connection | None = None

    def pooled(self) -> Connection:
        """Return the connection, taken from the pool by the first call and by one after a break. Raises Unavailable."""
        if self._pooled is not None and self._pooled.invalidated and self.after_commit is None:
            self.close()
            self._pooled = None
        if self._pooled is None:
            try:
                self._pooled = db.engine.connect()
            except (DBAPIError, TimeoutError) as problem:
                raise driver_errors.meaning(problem) from problem
        return self._pooled

    def close(self) -> None:
        """Return the connection to the pool."""
        if self._pooled is not None:
            self._pooled.close()


_open: Final[ContextVar[tuple[RequestConnection, ...]]] = ContextVar("bankapp_connections", default=())


def open_connection(database_url: str) -> None:
    """Begin the connection of a new application context. Its first statement takes it from the pool."""
    _open.set((*_open.get(), RequestConnection(is_sqlite=database_url.startswith("sqlite"))))


def close_connection() -> None:
    """Return the connection of the ending application context to the pool, and restore the outer context's."""
    *outer, last = _open.get()
    _open.set(tuple(outer))
    last.close()


def current() -> RequestConnection:
    """Return the connection of the current application context. Raises RuntimeError outside of one."""
    found = _open.get()
    if not found:
        raise RuntimeError("the database is used outside of an application context")
    return found[-1]


def is_sqlite() -> bool:
    """Tell whether the application runs on SQLite."""
    return current().is_sqlite


def for_dialect(*, sqlite: T, postgresql: T) -> T:
    """Return the argument for the application's dialect."""
    return sqlite if current().is_sqlite else postgresql


def in_transaction() -> bool:
    """Tell whether a transaction or snapshot is open in this context."""
    return current().after_commit is not None


def guard(query: Select[Any], parameters: Mapping[str, Any], admit: Callable[[Any], None]) -> None:
    """Require that ``admit`` accepts the value of ``query`` for every statement of this context (:class:`Guard`).

    A first statement that is a SELECT includes ``query``, so the check costs no extra round trip.
    """
    current().guard = Guard(query, parameters, admit)
