"""Differences of the dialects in a connection: timeouts, pragmas, and the begin of a transaction."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Engine, TextClause, event, text

from bankapp import tracing
from bankapp.db import replication
from bankapp.extensions import db

if TYPE_CHECKING:
    from flask import Flask

    from bankapp.open_telemetry import Backend


LOCK_TIMEOUT_MS: Final = 2_000
STATEMENT_TIMEOUT_MS: Final = 5_000
SQLITE_BUSY_TIMEOUT_MS: Final = 5_000
MAX_OVERFLOW: Final = 20
"""Connections beyond one for each web thread. Only ``flask work`` needs them: it has a thread for each job."""

# A server whose machine or network is gone sends nothing, not even the end of the connection. By default Linux notices
# that after a quarter of an hour, or after two hours where it has nothing to send.
_DEAD_PEER: Final = {
    "keepalives_idle": 10,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}


def init_app(app: Flask) -> None:
    """Bind the database to ``app`` and teach its engine the rules of its dialect."""
    config = app.config["BANKAPP"]
    options = engine_options(config.database_url, config.web_threads, config.database_pooler)
    app.config.setdefault("SQLALCHEMY_ENGINE_OPTIONS", options)
    db.init_app(app)
    with app.app_context():
        listen(db.engine)
        if (spans := tracing.backend()) is not None:
            _trace_statements(db.engine, spans)


def _trace_statements(engine: Engine, spans: Backend) -> None:
    @event.listens_for(engine, "before_cursor_execute")
    def begin(_connection: Any, _cursor: Any, statement: str, _values: Any, execution: Any, _many: bool) -> None:
        execution.bankapp_span = spans.statement_span(engine.dialect.name, statement)

    @event.listens_for(engine, "after_cursor_execute")
    def end(_connection: Any, _cursor: Any, _statement: str, _values: Any, execution: Any, _many: bool) -> None:
        # A statement that fails has no span; the span of its request tells the failure.
        execution.bankapp_span.end()


def dispose() -> None:
    """Drop every pooled connection without closing it. Forked workers call this: processes cannot share connections."""
    db.engine.dispose(close=False)


def engine_options(url: str, threads: int, pooler: str) -> dict[str, Any]:
    """Return the engine options for ``url``: timeouts, and a connection for each of a worker's ``threads``.

    Behind a ``pooler`` in transaction mode each transaction may get another session of PostgreSQL. So nothing is
    set on a session, where the role's settings stand in, and no statement is prepared.
    """
    # An error's message goes to the log; what a statement was about does not belong there.
    common: dict[str, Any] = {"hide_parameters": True, "pool_size": threads, "pool_timeout": 2}
    common |= {"max_overflow": MAX_OVERFLOW, "json_serializer": _to_json}
    if url.startswith("sqlite"):
        return common | {"connect_args": {"timeout": SQLITE_BUSY_TIMEOUT_MS / 1000, "check_same_thread": False}}
    connect: dict[str, Any] = {"connect_timeout": 2, "application_name": "bankapp", **_DEAD_PEER}
    if pooler == "transaction":
        connect["prepare_threshold"] = None
    else:
        settings: dict[str, Any] = {"lock_timeout": LOCK_TIMEOUT_MS, "statement_timeout": STATEMENT_TIMEOUT_MS}
        # PostgreSQL reports by a warning that a commit may be missing on the standby.
        settings |= {"timezone": "UTC", "client_min_messages": "warning"}
        connect["options"] = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return common | {
        "isolation_level": "AUTOCOMMIT",
        "pool_pre_ping": False,
        "pool_recycle": 1800,
        "pool_reset_on_return": None,  # see _listen_postgresql
        "connect_args": connect,
    }


def _to_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def listen(engine: Engine) -> None:
    """Register the listeners of the engine's dialect, which configure each new connection."""
    if engine.dialect.name == "sqlite":
        _listen_sqlite(engine)
    else:
        _listen_postgresql(engine)


def _listen_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # Otherwise the driver begins deferred transactions by itself; begin() below is used instead.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}").close()
        # The built-in function changes ASCII letters only.
        connection.create_function("lower", 1, lambda text: text and str(text).lower(), deterministic=True)
        connection.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_TIMEOUT_MS}").close()


def _listen_postgresql(engine: Engine) -> None:
    from psycopg.pq import TransactionStatus  # noqa: PLC0415 - a worker on SQLite can do without the driver
    from psycopg.types.string import TextLoader  # noqa: PLC0415 - as above

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        # Ids are strings in Python; UUID objects would have to be converted.
        connection.adapters.register_loader("uuid", TextLoader)
        replication.listen(connection, record.info)

    @event.listens_for(engine, "reset")
    def reset(connection: Any, _record: Any, _state: Any) -> None:
        # Usually there is nothing to roll back. This test is faster than the driver's rollback().
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            connection.rollback()


# Writers on SQLite begin IMMEDIATE: a deferred transaction that reads and then writes fails at once, without
# waiting for the busy timeout, if another transaction has written meanwhile.
_BEGIN: Final = {"sqlite": text("BEGIN IMMEDIATE"), "postgresql": text("BEGIN")}
_BEGIN_SNAPSHOT: Final = {
    "sqlite": text("BEGIN DEFERRED"),
    "postgresql": text("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"),
}


@contextmanager
def impatient(connection: Connection) -> Iterator[None]:
    """Let a statement of the block fail at once where SQLite's only writer is another connection."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection
    driver.execute("PRAGMA busy_timeout=0").close()
    try:
        yield
    finally:
        driver.execute(f"PRAGMA busy_timeout={SQLITE_BUSY_TIMEOUT_MS}").close()


def begin(name: str, *, snapshot: bool) -> TextClause:
    """Return the statement that begins a transaction, or a read-only snapshot, in the dialect ``name``."""
    return (_BEGIN_SNAPSHOT if snapshot else _BEGIN)[name]
