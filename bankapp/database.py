"""Transactions: where they begin, commit and are repeated.

``transaction()`` is the only place of the code base that commits. Outside of it every statement
stands alone (autocommit), so reading never holds a snapshot or a lock; inside, the outermost block
commits and any exception rolls back. ``run()`` repeats a whole command that the database asked to
be repeated.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from bankapp import context, dialects
from bankapp.connections import a_connection, change, reading_session, roll_back_session
from bankapp.driver_errors import Repeat, is_outage, is_repeatable, translated
from bankapp.errors import Unavailable
from bankapp.extensions import db, open_connection

if TYPE_CHECKING:
    from flask import Flask

T = TypeVar("T")

ATTEMPTS: Final = 5
REPEAT_FOR_SECONDS: Final = 5
"""How often a command runs, and after which time it is not begun again, before a conflict is answered 503."""

_after: ContextVar[list[Callable[[], None]]] = ContextVar("bankapp_after_commit")


def is_sqlite() -> bool:
    """Tell whether the application runs on SQLite."""
    return context.config().database_url.startswith("sqlite")


def init_app(app: Flask) -> None:
    """Bind the database to ``app`` and teach its engine the rules of its dialect."""
    threads = app.config["BANKAPP"].web_threads
    url = app.config["SQLALCHEMY_DATABASE_URI"]
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", dialects.engine_options(url, threads))
    db.init_app(app)
    with app.app_context():
        dialects.listen(db.engine)


def in_transaction() -> bool:
    """Tell whether a :func:`transaction` or :func:`snapshot` is open here."""
    return open_connection.get() is not None


@contextmanager
def _block(*, snapshot: bool) -> Iterator[None]:
    if in_transaction():
        yield
        return
    # Forgets what was read before, so that rules are checked on rows of this transaction.
    roll_back_session()
    with a_connection() as connection:
        yield from _begun(connection, snapshot=snapshot)


def _begun(connection: Connection, *, snapshot: bool) -> Iterator[None]:
    token = open_connection.set(connection)
    calls = _after.set([])
    try:
        connection.begin()
        change(dialects.begin(connection.dialect.name, snapshot=snapshot))
        yield
        _commit(connection)
    except BaseException:
        roll_back_session()
        connection.rollback()
        raise
    else:
        for call in _after.get():
            call()
    finally:
        _after.reset(calls)
        open_connection.reset(token)


def _commit(connection: Connection) -> None:
    try:
        if (session := reading_session()) is not None:
            # Writes what it still has, and lets the connection go; only the next line commits.
            session.commit()
        connection.commit()
    except DBAPIError as problem:
        if is_outage(problem) and not is_repeatable(problem):
            raise _unknown() from problem
        raise


def _unknown() -> OutcomeUnknown:
    return OutcomeUnknown(
        "The database did not confirm the outcome: repeat the request with the same Idempotency-Key, or look.",
        retry_after_seconds=2,
    )


@contextmanager
def transaction() -> Iterator[None]:
    """Open a transaction, or join the one that is open; the outermost block commits.

    Raises Unavailable when the database cannot be reached or a lock is not to be had in time, and
    OutcomeUnknown.
    """
    with translated(), _block(snapshot=False):
        yield


@contextmanager
def snapshot(*, patient: bool = False) -> Iterator[None]:
    """Open a read-only transaction in which every query sees the same moment, or join the open one.

    ``patient`` lets its queries take as long as they need, for commands that read whole tables.
    """
    with translated(), _block(snapshot=True):
        if patient and not is_sqlite():
            db.session.execute(text("SET LOCAL statement_timeout = 0"))
        yield


def after_commit(call: Callable[[], None]) -> None:
    """Call ``call`` once the open transaction is committed, which may never be; at once where none is open."""
    if in_transaction():
        _after.get().append(call)
    else:
        call()


def run(command: Callable[[], T]) -> T:
    """Run ``command`` in one transaction and return its result.

    A serialization failure, deadlock or busy SQLite repeats the whole command, at most
    ``ATTEMPTS`` times with growing, random pauses, and not after ``REPEAT_FOR_SECONDS``; then
    Unavailable. Inside an open transaction
    the command joins it and repeating is left to the outermost block.
    """
    if in_transaction():
        return command()
    return _repeated(lambda: _in_a_block(command))


def run_alone(command: Callable[[], T]) -> T:
    """Run ``command``, which is a single writing statement where the dialect can, as :func:`run` does.

    PostgreSQL commits such a statement by itself, so the way to it and back is spared for BEGIN and
    for COMMIT; an answer that is lost raises OutcomeUnknown.
    """
    if is_sqlite() or in_transaction():
        return run(command)
    return _repeated(lambda: _standing_alone(command))


def _in_a_block(command: Callable[[], T]) -> T:
    with _block(snapshot=False):
        return command()


def _standing_alone(command: Callable[[], T]) -> T:
    try:
        return command()
    except DBAPIError as problem:
        if problem.connection_invalidated:
            raise _unknown() from problem
        raise


def _repeated(command: Callable[[], T]) -> T:
    deadline = time.monotonic() + REPEAT_FOR_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with translated():
                return command()
        except Repeat as conflict:
            if attempt == ATTEMPTS or time.monotonic() >= deadline:
                raise Unavailable("The service is busy with conflicting requests.", retry_after_seconds=1) from conflict
            time.sleep(random.uniform(0, 0.01 * 2**attempt))
    raise AssertionError("unreachable")


class NeedsLock(Exception):
    """What was read without a lock does not hold any more, or is not enough to go by: do it again under the lock."""


class OutcomeUnknown(Unavailable):
    """The answer to COMMIT was lost: only reading tells whether it happened."""


def dispose() -> None:
    """Drop every pooled connection; a forked worker calls it, since processes cannot share them."""
    db.engine.dispose(close=False)
