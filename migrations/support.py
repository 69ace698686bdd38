"""Shared by the revisions: column types, and a function that runs a revision's SQL file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

VERSIONS = Path(__file__).parent / "versions"

ID = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
TIME = sa.DateTime(timezone=True).with_variant(sa.String(27), "sqlite")
JSON = sa.JSON().with_variant(JSONB(), "postgresql")


def run_script(name: str) -> None:
    """Run ``versions/NAME.DIALECT.sql`` on the migration's connection."""
    connection = op.get_bind()
    script = (VERSIONS / f"{name}.{connection.dialect.name}.sql").read_text()
    for statement in _statements(script) if connection.dialect.name == "sqlite" else [script]:
        connection.execution_options(no_parameters=True).exec_driver_sql(statement)


def _statements(script: str) -> Iterator[str]:
    # sqlite3 runs one statement at a time. executescript() would commit in the middle of the migration.
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            yield pending
            pending = ""
