"""The database connection: dialect settings, transactions, and what a driver's error means.

``transaction()`` is the only place of the code base that commits. Outside of it every statement
stands alone (autocommit), so reading never holds a snapshot or a lock; inside, the outermost block
commits and any exception rolls back. ``run()`` repeats a whole command that the database asked to
be repeated.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sqlalchemy import Connection, Engine, Executable, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, TimeoutError

from bankapp.errors import Unavailable
from bankapp.extensions import db

if TYPE_CHECKING:
    from flask import Flask

T = TypeVar("T")

ATTEMPTS: Final = 5
REPEAT_FOR_SECONDS: Final = 5
"""How often a command runs, and after which time it is not begun again, before a conflict is answered 503."""

LOCK_TIMEOUT_MS: Final = 2_000
STATEMENT_TIMEOUT_MS: Final = 5_000
SQLITE_BUSY_TIMEOUT_MS: Final = 5_000

# SQLSTATE: serialization failure and deadlock mean "run it again".
_REPEATABLE: Final = frozenset({"40001", "40P01"})
# Lock not available, query cancelled, shutting down, too many connections: the service is busy or away.
_UNAVAILABLE: Final = frozenset({"55P03", "57014", "57P01", "57P02", "57P03", "53300", "25006"})

_open: ContextVar[Connection | None] = ContextVar("bankapp_open_connection", default=None)


def is_sqlite() -> bool:
    """Tell whether the application runs on SQLite."""
    return db.engine.dialect.name == "sqlite"


def engine_options(url: str, threads: int) -> dict[str, Any]:
    """Return the engine options for ``url``: timeouts, and a connection for each of a worker's ``threads``."""
    # An error's message goes to the log; what a statement was about does not belong there.
    common: dict[str, Any] = {"hide_parameters": True, "pool_size": threads, "max_overflow": 4, "pool_timeout": 2}
    if url.startswith("sqlite"):
        return common | {"connect_args": {"timeout": SQLITE_BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}}
    settings = f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC"
    return common | {
        "isolation_level": "AUTOCOMMIT",
        "pool_pre_ping": False,
        "pool_recycle": 1800,
        "connect_args": {"connect_timeout": 2, "options": settings, "application_name": "bankapp"},
    }


def init_app(app: Flask) -> None:
    """Bind the database to ``app`` and teach its engine the rules of its dialect."""
    threads = app.config["BANKAPP"].web_threads
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", engine_options(app.config["SQLALCHEMY_DATABASE_URI"], threads))
    db.init_app(app)
    with app.app_context():
        if db.engine.dialect.name == "sqlite":
            _listen_sqlite(db.engine)
        else:
            _listen_postgresql(db.engine)


def _listen_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver would begin deferred transactions on its own; "begin" below does it instead.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()
        # SQLite's own knows the case of ASCII letters only.
        connection.create_function("lower", 1, lambda text: text and str(text).lower(), deterministic=True)
        connection.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_TIMEOUT_MS}").close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin")
        if mode is not None:
            connection.exec_driver_sql(f"BEGIN {mode}")


def _listen_postgresql(engine: Engine) -> None:
    from psycopg.types.string import TextLoader  # noqa: PLC0415 - a worker on SQLite can do without the driver

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # Ids are strings everywhere; reading them as UUID objects would only turn them around twice.
        connection.adapters.register_loader("uuid", TextLoader)


def _begin_options(*, snapshot: bool) -> dict[str, Any]:
    if is_sqlite():
        # Writers begin IMMEDIATE: a deferred transaction that reads and then writes fails at once when
        # another writer came between, however long it would have been willing to wait.
        return {"sqlite_begin": "DEFERRED" if snapshot else "IMMEDIATE"}
    if snapshot:
        return {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    return {"isolation_level": "READ COMMITTED"}


def in_transaction() -> bool:
    """Tell whether a :func:`transaction` or :func:`snapshot` is open here."""
    return _open.get() is not None


@contextmanager
def _block(*, snapshot: bool) -> Iterator[None]:
    if in_transaction():
        yield
        return
    # Forgets what was read before, so that rules are checked on rows of this transaction.
    db.session.rollback()
    token = _open.set(db.session.connection(execution_options=_begin_options(snapshot=snapshot)))
    try:
        yield
        _commit()
    except BaseException:
        db.session.rollback()
        raise
    finally:
        _open.reset(token)


def _commit() -> None:
    try:
        db.session.commit()
    except DBAPIError as problem:
        if is_outage(problem) and not _is_repeatable(problem):
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


def run(command: Callable[[], T]) -> T:
    """Run ``command`` in one transaction and return its result.

    A serialization failure, deadlock or busy SQLite repeats the whole command, at most
    ``ATTEMPTS`` times with growing, random pauses, and not after ``REPEAT_FOR_SECONDS``; then
    Unavailable. Inside an open transaction
    the command joins it and repeating is left to the outermost block.
    """
    if in_transaction():
        return command()
    return _repeated(command, lambda: _block(snapshot=False))


def run_alone(command: Callable[[], T]) -> T:
    """Run ``command``, which is a single writing statement where the dialect can, as :func:`run` does.

    PostgreSQL commits such a statement by itself, so the way to it and back is spared for BEGIN and
    for COMMIT; an answer that is lost raises OutcomeUnknown.
    """
    if is_sqlite() or in_transaction():
        return run(command)
    return _repeated(command, _standing_alone)


@contextmanager
def _standing_alone() -> Iterator[None]:
    try:
        yield
    except DBAPIError as problem:
        if problem.connection_invalidated:
            raise _unknown() from problem
        raise


def _repeated(command: Callable[[], T], block: Callable[[], AbstractContextManager[None]]) -> T:
    deadline = time.monotonic() + REPEAT_FOR_SECONDS
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with translated(), block():
                return command()
        except _Repeat as conflict:
            if attempt == ATTEMPTS or time.monotonic() >= deadline:
                raise Unavailable("The service is busy with conflicting requests.", retry_after_seconds=1) from conflict
            time.sleep(random.uniform(0, 0.01 * 2**attempt))
    raise AssertionError("unreachable")


class OutcomeUnknown(Unavailable):
    """The answer to COMMIT was lost: only reading tells whether it happened."""


class _Repeat(Unavailable):
    """The database asks for the whole transaction to be repeated."""


def rows(statement: Executable, parameters: Mapping[str, Any] | None = None) -> Sequence[Any]:
    """Return all rows of a statement that was built once, for the paths where the session's own work would show.

    Inside an open block it sees what the block wrote; outside it stands alone.
    """
    connection = _open.get()
    if connection is not None:
        db.session.flush()
        return connection.execute(statement, parameters).all()
    with db.engine.connect() as alone:
        return alone.execute(statement, parameters).all()


def change(statement: Executable, parameters: Mapping[str, Any] | None = None) -> int:
    """Carry out a writing statement that was built once, as :func:`rows` does, and return how many rows it wrote."""
    connection = _open.get()
    if connection is not None:
        db.session.flush()
        return connection.execute(statement, parameters).rowcount
    with db.engine.connect() as alone:
        return alone.execute(statement, parameters).rowcount


@contextmanager
def translated() -> Iterator[None]:
    """Turn a driver's error that only means "not now" into Unavailable; let every other one through."""
    try:
        yield
    except DBAPIError as problem:
        if _is_repeatable(problem):
            raise _Repeat(retry_after_seconds=1) from problem
        if is_outage(problem):
            raise Unavailable("The database cannot answer now.", retry_after_seconds=2) from problem
        raise
    except TimeoutError as problem:
        raise Unavailable("All database connections are in use.", retry_after_seconds=1) from problem


def _sqlstate(problem: DBAPIError) -> str | None:
    return getattr(problem.orig, "sqlstate", None)


def _is_repeatable(problem: DBAPIError) -> bool:
    if _sqlstate(problem) in _REPEATABLE:
        return True
    return getattr(problem.orig, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def is_outage(problem: BaseException) -> bool:
    """Tell whether ``problem`` is a driver's error that says the database is away, or too slow just now."""
    if isinstance(problem, TimeoutError):
        return True
    if not isinstance(problem, DBAPIError):
        return False
    state = _sqlstate(problem)
    if state is not None:
        return state in _UNAVAILABLE | _REPEATABLE or state.startswith("08")
    name = getattr(problem.orig, "sqlite_errorname", "")
    if name:
        return name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_FULL"))
    return problem.connection_invalidated or isinstance(problem, (OperationalError, InterfaceError))


def violates(problem: IntegrityError, constraint: str, *columns: str) -> bool:
    """Tell whether ``problem`` is a violation of ``constraint``, which SQLite names by its ``columns``."""
    diagnosis = getattr(problem.orig, "diag", None)
    if diagnosis is not None:
        return bool(diagnosis.constraint_name == constraint)
    return all(column in str(problem.orig) for column in columns)


def dispose() -> None:
    """Drop every pooled connection; a forked worker calls it, since processes cannot share them."""
    db.engine.dispose(close=False)
