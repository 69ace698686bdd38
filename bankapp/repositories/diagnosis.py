"""What the database tells about itself and about the role that the application connects as."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from sqlalchemy import select, text

from bankapp import db
from bankapp.models.database_time import database_time
from bankapp.repositories.privileges import PRIVILEGES

_SETTINGS: Final = text(
    "SELECT lower(name) AS name, setting FROM pg_settings WHERE name IN ('server_version', 'server_encoding', 'fsync',"
    " 'full_page_writes', 'synchronous_commit', 'default_transaction_isolation', 'TimeZone')"
)
_PRAGMAS: Final = ("journal_mode", "synchronous", "foreign_keys")
_TABLE_RIGHTS: Final = text(
    "SELECT c.relname AS name, r.kind AS kind FROM pg_class c"
    " CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('DELETE'), ('TRUNCATE')) AS r (kind)"
    " WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(current_schema())"
    " AND has_table_privilege(c.oid, r.kind)"
)
_COLUMN_RIGHTS: Final = text(
    "SELECT c.relname AS name, 'UPDATE (' || a.attname || ')' AS kind FROM pg_class c"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
    " WHERE c.relkind = 'r' AND c.relnamespace = to_regnamespace(current_schema())"
    " AND has_column_privilege(c.oid, a.attnum, 'UPDATE')"
)

Right = tuple[str, str]
"""A table and a right on it, such as ``INSERT`` or ``UPDATE (status)``."""


def settings() -> dict[str, str]:
    """Return the settings of this connection that matter for safety, and the version: lower-case name → value."""
    return db.for_dialect(sqlite=_pragmas, postgresql=_server_settings)()


def _server_settings() -> dict[str, str]:
    return {row.name: row.setting for row in db.rows(_SETTINGS)}


def _pragmas() -> dict[str, str]:
    values = {name: str(db.value(text(f"PRAGMA {name}"))) for name in _PRAGMAS}
    return values | {"server_version": str(db.value(text("SELECT sqlite_version()")))}


def now() -> datetime:
    """Return the time of the database's clock."""
    time: datetime = db.value(select(database_time()))
    return time


def role() -> str:
    """Return the role of the connection (PostgreSQL)."""
    return str(db.value(text("SELECT current_user")))


def rights() -> set[Right]:
    """Return what the role of the connection may do with each table (PostgreSQL)."""
    return {(row.name, row.kind) for query in (_TABLE_RIGHTS, _COLUMN_RIGHTS) for row in db.rows(query)}


def needed_rights() -> set[Right]:
    """Return the rights that ``flask ledger grant`` gives, in the form of :func:`rights`."""
    return {
        (table, f"{kind} ({column.strip()})" if columns else kind)
        for table, privileges in PRIVILEGES.items()
        for kind, columns in re.findall(r"([A-Z]+)(?: \(([^)]*)\))?", privileges)
        for column in (columns or kind).split(",")
    }
