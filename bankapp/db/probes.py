"""Checks that the database answers."""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from bankapp import context
from bankapp.db import driver_errors
from bankapp.db.connection import is_sqlite
from bankapp.errors import Unavailable
from bankapp.extensions import db
from config import ConfigError

log = logging.getLogger(__name__)

PING_SECONDS: Final = 1.5

# On SQLite a plain SELECT 1 does not read the file.
_PINGS: Final = {"sqlite": "SELECT 1 FROM sqlite_master", "postgresql": "SELECT 1"}


def ping(*, create: bool = False) -> None:
    """Run ``SELECT 1`` on a separate connection in a separate thread, within ``PING_SECONDS``. Raises Unavailable.

    The connection is not from the pool, because all of the pool may be in use. The thread is needed because a
    silent network can block a caller for longer than every timeout of the driver. ``create`` allows SQLite to
    create a missing file.
    """
    engine = _ping_engine(db.engine.url, create=create)
    problems: list[Exception] = []

    def ask() -> None:
        try:
            with engine.connect() as connection:
                connection.execute(text(_PINGS[engine.dialect.name]))
        except Exception as problem:  # noqa: BLE001 - every error means that the database did not answer
            problems.append(problem)

    thread = threading.Thread(target=ask, name="ping", daemon=True)
    thread.start()
    thread.join(PING_SECONDS)
    if thread.is_alive():
        raise Unavailable("The database does not answer in time.")
    if problems:
        raise Unavailable("The database does not answer.") from problems[0]


def demand_database() -> None:
    """Check at the start that the database answers, and SQLite's that it can be written.

    Raises ConfigError with the driver's reason on one line.
    """
    if is_sqlite() and context.config().is_production:
        log.warning("production on SQLite: one machine only, and one writer at a time")
    try:
        ping(create=True)
        if is_sqlite():
            _demand_writing()
    except Unavailable as problem:
        cause = " ".join(str(getattr(problem.__cause__, "orig", None) or problem).split())
        raise ConfigError("DATABASE_URL", _refusal(cause)) from problem


def _demand_writing() -> None:
    try:
        with _ping_engine(db.engine.url, create=True).connect() as connection:
            # BEGIN IMMEDIATE alone succeeds on a file that is only readable.
            for statement in ("BEGIN IMMEDIATE", "PRAGMA user_version = 1", "ROLLBACK"):
                connection.exec_driver_sql(statement)
    except DBAPIError as problem:
        # While another process writes, the file can be written.
        if not driver_errors.is_repeatable(problem):
            raise Unavailable("The database cannot be written.") from problem


def _refusal(cause: str) -> str:
    """Say what to do about the reason that the driver gave; the texts are those of libpq and PostgreSQL."""
    if is_sqlite():
        return f"names a file that the service cannot write: {cause}"
    if "FATAL" not in cause:
        return f"names a database that does not answer: {cause}"
    if "pg_hba.conf" in cause:
        cause += "; if the server demands TLS, add ?sslmode=verify-full"
    return f"is refused by the database: {cause}"


def _ping_engine(url: URL, *, create: bool) -> Engine:
    if url.get_backend_name() == "sqlite":
        # A plain connect creates an empty file where the file of the database is missing.
        file = f"file:{quote(url.database or '')}?mode={'rwc' if create else 'rw'}"
        return create_engine("sqlite://", poolclass=NullPool, creator=lambda: sqlite3.connect(file, 1, uri=True))
    arguments: dict[str, Any] = {"connect_timeout": 2, "application_name": "bankapp-health"}
    if context.config().database_pooler == "none":
        arguments["options"] = "-c statement_timeout=1000"
    return create_engine(url, poolclass=NullPool, connect_args=arguments)
