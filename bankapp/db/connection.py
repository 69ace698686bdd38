"""The connection of a request: one for all its statements, with its guard and its open transaction.

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
    """A condition on a request, checked by or before its first statement.

    ``query`` has one column and finds at most one row. ``admit`` gets the value found, or None, and raises
    to refuse this statement and every later one.
    """

    query: Select[Any]
    parameters: Mapping[str, Any]
    admit: Callable[[Any], None]


@dataclass(slots=True)
class RequestConnection:
    """The connection of one application context, its guard, and its open transaction.

    ``after_commit`` are the calls that wait for the commit; None while no transaction is open.
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
    """Give the application context that begins a connection of its own; nothing is taken from the pool yet."""
    _open.set((*_open.get(), RequestConnection(is_sqlite=database_url.startswith("sqlite"))))


def close_connection() -> None:
    """Return the connection of the application context that ends, and restore the one around it."""
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
    """Return the one of the two that belongs to the application's dialect."""
    return sqlite if current().is_sqlite else postgresql


def in_transaction() -> bool:
    """Tell whether a transaction or snapshot is open in this context."""
    return current().after_commit is not None


def guard(query: Select[Any], parameters: Mapping[str, Any], admit: Callable[[Any], None]) -> None:
    """Let no statement of this context run before ``admit`` has accepted what ``query`` finds (:class:`Guard`).

    A first statement that is a SELECT carries ``query`` with it, so the check costs no round trip of its own.
    """
    current().guard = Guard(query, parameters, admit)
