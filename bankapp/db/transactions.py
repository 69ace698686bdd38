"""Transactions: where they begin, commit and are repeated.

:func:`run` is the only place of the code base that commits. Outside of it every statement commits by
itself, so reading holds neither a snapshot nor a lock.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from bankapp.db import dialects, driver_errors
from bankapp.db.connection import RequestConnection, current
from bankapp.db.driver_errors import ConnectionLost, Repeat
from bankapp.db.statements import change, check_guard
from bankapp.errors import Unavailable

T = TypeVar("T")

ATTEMPTS: Final = 5
"""How often :func:`run` runs a command before it answers Unavailable."""

REPEAT_FOR_SECONDS: Final = 5
"""After this time :func:`run` does not repeat a command any more."""


class OutcomeUnknown(Unavailable):
    """The answer to a commit was lost: only reading tells whether it happened."""


def run(command: Callable[[], T]) -> T:
    """Run ``command`` in one transaction, commit, and return its result; an exception rolls back.

    A serialization failure, deadlock or busy SQLite repeats the whole command, at most ``ATTEMPTS`` times
    with growing, random pauses, and not after ``REPEAT_FOR_SECONDS``. Inside an open transaction the command
    joins it, and repeating is left to the outermost call. Raises Unavailable and OutcomeUnknown.
    """
    request = current()
    if request.after_commit is not None:
        return command()

    def in_transaction() -> T:
        with _transaction(request, snapshot=False):
            return command()

    return _repeated(in_transaction)


def run_statement(command: Callable[[], T]) -> T:
    """Run ``command``, which makes one writing statement, as :func:`run` does.

    On PostgreSQL the statement commits by itself, which spares the round trips for BEGIN and COMMIT.
    """
    request = current()
    if request.is_sqlite or request.after_commit is not None:
        return run(command)

    def standing_alone() -> T:
        try:
            return command()
        except ConnectionLost as problem:
            raise _outcome_unknown() from problem

    return _repeated(standing_alone)


@contextmanager
def snapshot(*, patient: bool = False) -> Iterator[None]:
    """Open a read-only transaction in which every query sees the same moment, or join the open one.

    ``patient`` lets its queries take as long as they need, for commands that read whole tables.
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
    """Call ``call`` once the open transaction has committed; at once where none is open."""
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
        # SQLAlchemy began its own count with an earlier statement; the database committed that by itself.
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
    try:
        request.pooled().commit()
    except DBAPIError as problem:
        if driver_errors.is_outage(problem) and not driver_errors.is_repeatable(problem):
            raise _outcome_unknown() from problem
        raise driver_errors.meaning(problem) from problem


def _outcome_unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "The database did not confirm the outcome: repeat the request with the same Idempotency-Key, or look.",
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
