"""Who holds the locks that a migration did not get in time."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

_LOCK_NOT_AVAILABLE: Final = "55P03"

# The longest first. Without the right to read all statistics, only the owner's own sessions show what they do.
_HOLDERS: Final = text("""
    SELECT a.pid, a.usename, a.application_name, coalesce(a.state, 'unknown') AS state,
        coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::integer, 0) AS seconds,
        string_agg(DISTINCT c.relname, ', ' ORDER BY c.relname) AS tables
    FROM pg_locks l
    JOIN pg_class c ON c.oid = l.relation AND c.relkind = 'r' AND c.relnamespace = to_regnamespace(current_schema())
    JOIN pg_stat_activity a ON a.pid = l.pid
    WHERE l.granted AND l.pid <> pg_backend_pid() AND l.database = (
        SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY a.pid, a.usename, a.application_name, a.state, a.xact_start
    ORDER BY a.xact_start LIMIT 5
""")


def is_refused(problem: OperationalError) -> bool:
    """Tell whether a statement did not get a lock in time."""
    if getattr(problem.orig, "sqlstate", None) == _LOCK_NOT_AVAILABLE:
        return True
    return getattr(problem.orig, "sqlite_errorname", "").startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))


def refusal(connection: Connection) -> str:
    """Return one line that says that a migration did not get its locks, and who holds some of these tables."""
    beginning = "the migration did not get its locks in time and changed nothing; run it again"
    if connection.dialect.name == "sqlite":
        return f"{beginning}. Another process writes to the file"
    found = [
        f"pid {row.pid} of {row.usename} ({row.application_name or 'no name'}, {row.state}, {row.seconds} s)"
        f" on {row.tables}"
        for row in connection.execute(_HOLDERS)
    ]
    return f"{beginning}. Locks are held by: {'; '.join(found) or 'nobody any more'}"
