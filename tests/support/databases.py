"""Databases with the tables of the application, and applications on them.

On PostgreSQL the migrations run as the owner of the tables. The application connects as in production, under a role
that owns nothing and has the rights of ``flask ledger grant``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import psycopg
from flask import Flask
from flask_migrate import upgrade

from bankapp import create_app
from bankapp.cli import use_migrations
from bankapp.extensions import db
from config import Config
from tests.support.postgres import PostgresServer

SECRET: Final = "a-test-secret-that-is-used-nowhere-else"
OWNER: Final = "bank_owner"
ROLE: Final = "bank_app"


def settings(database_url: str, **environ: str) -> Config:
    """Return the settings of a test application."""
    values = {"BANKAPP_ENV": "testing", "DATABASE_URL": database_url, "JWT_SECRET": SECRET, "LOG_LEVEL": "INFO"}
    return Config.from_env(values | environ)


@contextmanager
def application(config: Config) -> Iterator[Flask]:
    """Make an application and close its connections at the end.

    An open connection would fail any test that runs when it is garbage-collected.
    """
    app = create_app(config)
    try:
        yield app
    finally:
        with app.app_context():
            db.engine.dispose()


def migrate(database_url: str) -> None:
    """Make the tables in an empty database."""
    with application(settings(database_url)) as app:
        use_migrations(app)
        with app.app_context():
            upgrade()


def create_bank(server: PostgresServer, name: str) -> None:
    """Create the database ``name`` with the tables of the owner and the rights of the application's role."""
    with psycopg.connect(server.create_database(name), autocommit=True) as admin:
        present = {role for (role,) in admin.execute("SELECT rolname FROM pg_roles")}
        for role in {OWNER, ROLE} - present:
            admin.execute(f"CREATE ROLE {role} LOGIN")
        admin.execute(f"ALTER DATABASE {name} OWNER TO {OWNER}")
    owner_url = server.url(name, OWNER)
    migrate(owner_url)
    with application(settings(owner_url)) as owner:
        granted = owner.test_cli_runner().invoke(args=["ledger", "grant", ROLE])
    assert granted.exit_code == 0, granted.output
