"""Transactions: begin, commit and repetition.

This module is the only one that commits. Outside of a transaction every statement commits by itself, so reading
holds neither a snapshot nor a lock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from bankapp.db import dialects, driver_errors, replication
from bankapp.db.connection import RequestConnection, current
from bankapp.db.driver_errors import Repeat, Unconfirmed
from bankapp.db.statements import change, check_guard
from bankapp.errors import Unavailable

T = TypeVar("T")

ATTEMPTS: Final = 5
"""How often :func:`run` runs a command before it raises Unavailable."""

REPEAT_FOR_SECONDS: Final = 5
"""After this time :func:`run` no longer repeats a command."""


class OutcomeUnknown(Unavailable):
    """A commit was not confirmed: its answer was lost, or the standby may not have it (decision 0017)."""


def run(command: Callable[[], T]) -> T:
    """Run ``command`` in one transaction, commit, and return its result; an exception rolls back.

    After a serialization failure, a deadlock or a busy SQLite the whole command is repeated: at most ``ATTEMPTS``
    runs, with growing random pauses, and not after ``REPEAT_FOR_SECONDS``. Inside an open transaction the command
    joins it, and only the outermost call repeats. Raises Unavailable and OutcomeUnknown.
    """
    request = current()
    if request.after_commit is not None:
        return command()

    def in_transaction() -> T:
        with _transaction(request, snapshot=False):
            return command()

    return _repeated(in_transaction)


def run_statement(command: Callable[[], T]) -> T:
    """Run ``command``, which runs one writing statement, as :func:`run` does.

    On PostgreSQL the statement commits by itself, which saves the round trips for BEGIN and COMMIT.
    """
    request = current()
    if request.is_sqlite or request.after_commit is not None:
        return run(command)

    def standing_alone() -> T:
        try:
            with replication.limited(request.pooled()):
                return command()
        except Unconfirmed as problem:
            raise _outcome_unknown() from problem

    return _repeated(standing_alone)


@contextmanager
def snapshot(*, patient: bool = False) -> Iterator[None]:
    """Open a read-only transaction whose queries all see the same snapshot, or join the open transaction.

    ``patient`` turns the statement timeout off, for commands that read whole tables.
    """
    request = current()
    if request.after_commit is not None:
        yield
        return
    with _transaction(request, snapshot=True):
        if patient and not request.is_sqlite:
            change(text("SET LOCAL statement_timeout = 0"))
        yield


def after_commit(call: Callable[[], None]) -> None:
    """Call ``call`` after the commit of the open transaction, or at once without an open transaction."""
    waiting = current().after_commit
    if waiting is None:
        call()
    else:
        waiting.append(call)


@contextmanager
def _transaction(request: RequestConnection, *, snapshot: bool) -> Iterator[None]:
    check_guard()
    connection = request.pooled()
    if connection.in_transaction():
        # SQLAlchemy counts an earlier statement as a begun transaction; the database committed it by itself.
        connection.commit()
    connection.begin()
    waiting: list[Callable[[], None]] = []
    request.after_commit = waiting
    try:
        change(dialects.begin(connection.dialect.name, snapshot=snapshot), {})
        yield
        _commit(request)
    except BaseException:
        connection.rollback()
        raise
    finally:
        request.after_commit = None
    for call in waiting:
        call()


def _commit(request: RequestConnection) -> None:
    connection = request.pooled()
    if request.is_sqlite:
        _finish(connection)
        return
    try:
        with replication.limited(connection):
            _finish(connection)
        replication.demand_confirmed(connection)
    except Unconfirmed as problem:
        raise _outcome_unknown() from problem


def _finish(connection: Connection) -> None:
    try:
        connection.commit()
    except DBAPIError as problem:
        if not connection.invalidated:
            # SQLAlchemy counts the transaction as ended now, but SQLite stays in it where it was busy.
            connection.connection.rollback()
        if driver_errors.is_outage(problem) and not driver_errors.is_repeatable(problem):
            raise _outcome_unknown() from problem
        raise driver_errors.meaning(problem) from problem


def _outcome_unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "The database did not confirm the outcome: repeat the request with the same Idempotency-Key.",
        retry_after_seconds=2,
    )


def _repeated(command: Callable[[], T]) -> T:
    deadline = time.monotonic() + REPEAT_FOR_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return command()
        except Repeat as conflict:
            if attempt == ATTEMPTS or time.monotonic() >= deadline:
                raise Unavailable("The service is busy with conflicting requests.", retry_after_seconds=1) from conflict
            time.sleep(random.uniform(0, 0.01 * 2**attempt))
    raise AssertionError("unreachable")
