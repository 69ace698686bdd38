"""Raw SQL against the database of an application, past all checks of the application."""

from __future__ import annotations

import sqlite3
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

import psycopg
from flask import Flask

from tests.support.postgres import PostgresServer


def drop_guards(execute: Callable[[str], Any], dialect: str) -> None:
    """Drop triggers and CHECKs and disable foreign keys, so that a test can plant a fault."""
    if dialect == "sqlite":
        execute("PRAGMA ignore_check_constraints = ON")
        execute("PRAGMA defer_foreign_keys = ON")
        for (name,) in execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            execute(f"DROP TRIGGER {name}")
        return
    execute("SET session_replication_role = replica")
    checks = execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE contype = 'c' AND connamespace = 'public'::regnamespace"
    )
    for table, name in checks.fetchall():
        execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")


def make_pending_rows_older(owner: RawSql, seconds: int) -> None:
    """Move pending audit rows into the past, past the trigger that refuses it."""
    triggers: Sequence[tuple[Any, ...]] = ()
    if owner.dialect == "postgresql":
        owner.connection.execute("SET session_replication_role = replica")
        earlier = f"created_at - interval '{seconds} seconds'"
    else:
        triggers = owner.rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_logs'")
        owner.run(*(f"DROP TRIGGER {name}" for name, _ in triggers))
        earlier = f"strftime('%Y-%m-%dT%H:%M:%fZ', created_at, '-{seconds} seconds')"
    owner.run(f"UPDATE audit_logs SET created_at = {earlier} WHERE status = 'pending'", *(sql for _, sql in triggers))


@dataclass
class RawSql:
    """A connection of the driver, in autocommit."""

    connection: Any
    dialect: str
    url: str

    @classmethod
    def to(cls, server: PostgresServer | None, app: Flask, *, as_role: bool = False, guarded: bool = True) -> Self:
        """Connect to the database of ``app``: on PostgreSQL as the superuser, or as the application's role.

        Without ``guarded``, triggers and foreign keys are disabled, for tests that plant a fault.
        """
        url: str = app.config["SQLALCHEMY_DATABASE_URI"]
        if url.startswith("sqlite:///"):
            lite = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
            lite.execute(f"PRAGMA foreign_keys = {'ON' if guarded else 'OFF'}")
            if not guarded:
                drop_guards(lite.execute, "sqlite")
            return cls(lite, "sqlite", url)
        assert server
        url = url.replace("postgresql+psycopg:", "postgresql:")
        if not as_role:
            url = server.url(urlsplit(url).path.strip("/"))
        post = psycopg.connect(url, autocommit=True)
        if not guarded:
            drop_guards(post.execute, "postgresql")
        return cls(post, "postgresql", url)

    def rows(self, statement: str) -> Sequence[tuple[Any, ...]]:
        """Run one statement and return its rows, ids as strings."""
        found = self.connection.execute(statement).fetchall()
        return [tuple(str(value) if isinstance(value, uuid.UUID) else value for value in row) for row in found]

    def run(self, *statements: str) -> None:
        """Run statements in one transaction and commit them."""
        self.connection.execute("BEGIN")
        try:
            for statement in statements:
                self.connection.execute(statement)
            self.connection.execute("COMMIT")
        except BaseException:
            if self.dialect == "postgresql" or self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def answer(self, *statements: str) -> str:
        """Run statements in one transaction and return the database's error message; empty if it committed."""
        try:
            self.run(*statements)
        except (sqlite3.Error, psycopg.Error) as refusal:
            return str(refusal).splitlines()[0]
        return ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
