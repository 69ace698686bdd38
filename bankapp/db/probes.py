"""Checks that the database answers, and that it has the tables of this code."""

from __future__ import annotations

import logging
import sqlite3
import threading
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import URL, Engine, create_engine, inspect, text
from sqlalchemy.exc import DBAPIError, TimeoutError
from sqlalchemy.pool import NullPool

from bankapp import context
from bankapp.db import driver_errors
from bankapp.db.connection import is_sqlite
from bankapp.errors import Unavailable
from bankapp.extensions import db
from config import ROOT, ConfigError

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
    """Check at the start that the database answers. Raises ConfigError with the driver's reason on one line."""
    if is_sqlite():
        log.warning("production on SQLite: one machine only, and one writer at a time")
    try:
        ping(create=True)
    except Unavailable as problem:
        cause = str(getattr(problem.__cause__, "orig", None) or problem)
        raise ConfigError(
            "DATABASE_URL", f"names a database that does not answer: {' '.join(cause.split())}"
        ) from problem


def _ping_engine(url: URL, *, create: bool) -> Engine:
    if url.get_backend_name() == "sqlite":
        # A plain connect creates an empty file where the file of the database is missing.
        file = f"file:{quote(url.database or '')}?mode={'rwc' if create else 'rw'}"
        return create_engine("sqlite://", poolclass=NullPool, creator=lambda: sqlite3.connect(file, 1, uri=True))
    arguments: dict[str, Any] = {"connect_timeout": 2, "application_name": "bankapp-health"}
    if context.config().database_pooler == "none":
        arguments["options"] = "-c statement_timeout=1000"
    return create_engine(url, poolclass=NullPool, connect_args=arguments)


def lacks_migrations() -> bool:
    """Tell whether the tables are missing or older than this code. Raises Unavailable.

    Tables of a newer release are accepted: older code runs on them while a deployment is rolled out or back.
    """
    # The names of the files begin with their revisions. Alembic gives the same, but takes 10 MB in every worker.
    known = sorted(path.name.partition("_")[0] for path in (ROOT / "migrations/versions").glob("[0-9]*_*.py"))
    try:
        with db.engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return True
            present = set(connection.scalars(text("SELECT version_num FROM alembic_version")))
    except (DBAPIError, TimeoutError) as problem:
        raise driver_errors.meaning(problem) from problem
    return not present or (present <= set(known) and known[-1] not in present)
