"""The connection that a statement goes through: of the open transaction, of the request, or one for itself.

A request keeps one from its first statement to its end, and has a gate before it (see :mod:`bankapp.gate`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, Select
from sqlalchemy.orm import Session

from bankapp.driver_errors import translated
from bankapp.extensions import Kept, db, kept, open_connection
from bankapp.gate import Build, Gate, along
from bankapp.prepared import prepared

T = TypeVar("T")


def a_connection() -> AbstractContextManager[Connection]:
    """Lend the connection of the request, or that of the session, or one from the pool."""
    if (request := kept.get()) is not None:
        return nullcontext(request.connection())
    if (session := reading_session()) is not None:
        # It has a connection already; a second one would be one more than a thread has its place in the pool for.
        return nullcontext(session.connection())
    return db.engine.connect()


def keep() -> None:
    """Let what follows here go through one connection until :func:`release`, as the edge does for a request.

    It is taken from the pool by the first statement; most requests have several.
    """
    kept.set(Kept())


def guard(query: Select[Any], parameters: Mapping[str, Any], admit: Callable[[Any], None]) -> None:
    """Let no statement of this request be carried out before, or but together with, ``query`` (see ``gate.py``)."""
    request = kept.get()
    assert request is not None, "only what keeps a connection can be guarded"
    request.gate = Gate(query, parameters, admit)


def pass_gate() -> None:
    """See to it that what :func:`guard` demands is asked by now. Raises what keeps the request out."""
    with translated():
        if (request := kept.get()) is not None and request.closed_gate() is not None:
            request.connection()


def release() -> None:
    """Give the connection back that :func:`keep` kept."""
    if (request := kept.get()) is not None:
        kept.set(None)
        try:
            roll_back_session()
        finally:
            request.close()


def reading_session() -> Session | None:
    """Return the session if it has a connection."""
    if not db.session.registry.has():
        return None
    session = db.session()
    return session if session.in_transaction() else None


def roll_back_session() -> None:
    """Let the session forget what it has read, and let its connection go."""
    if (session := reading_session()) is not None:
        session.rollback()


def rows(statement: Executable, parameters: Mapping[str, Any] = MappingProxyType({})) -> Sequence[Any]:
    """Return all rows, as named tuples, of a SELECT that was built once (see :mod:`bankapp.prepared`).

    Inside an open block it sees what the block wrote; outside it stands alone.
    """
    return _where_we_are(lambda connection: prepared(statement, connection.dialect).rows(connection, parameters))


def read(statement: Select[Any], parameters: Mapping[str, Any] = MappingProxyType({})) -> Sequence[Any]:
    """Return all rows as :func:`rows` does, of a SELECT that only reads and may be the first statement of a request."""
    return rows_through_gate(functools.partial(along, statement), parameters)


def rows_through_gate(build: Build, parameters: Mapping[str, Any]) -> Sequence[Any]:
    """Return all rows of a statement that asks what the gate asks, too, unless that was asked before.

    Where it writes, it must write nothing when the gate's query finds nothing.
    """
    request = kept.get()
    if request is not None and (gate := request.closed_gate()) is not None:
        return gate.rows(request.behind_gate(), build, parameters)
    return rows(build(None), parameters)


def change(statement: Executable, parameters: Mapping[str, Any] = MappingProxyType({})) -> int:
    """Carry out a writing statement that was built once, as :func:`rows` does, and return how many rows it wrote."""
    return _where_we_are(lambda connection: prepared(statement, connection.dialect).change(connection, parameters))


def _where_we_are(work: Callable[[Connection], T]) -> T:
    connection = open_connection.get()
    if connection is not None:
        db.session.flush()
        return work(connection)
    with a_connection() as alone:
        return work(alone)
