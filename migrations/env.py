"""Alembic's entry point: runs the migrations on the application's database."""

from __future__ import annotations

from alembic import context
from flask import current_app
from sqlalchemy import event, inspect, text
from sqlalchemy.exc import OperationalError

import bankapp.models  # noqa: F401 - completes the metadata
from bankapp.extensions import db
from migrations import locks


def run() -> None:
    """Run each migration in its own transaction, on the application's engine."""
    engine = db.engine
    with engine.connect() as connection:
        # The tables of another application in the same database would mix with ours.
        names = inspect(connection).get_table_names()
        connection.commit()
        if names and "alembic_version" not in names:
            raise SystemExit(f"bankapp: the database has tables of another application, such as {names[0]}")
        # The application's connections are in autocommit mode. A migration needs a transaction.
        if engine.dialect.name == "sqlite":
            event.listen(connection, "begin", lambda begun: begun.exec_driver_sql("BEGIN IMMEDIATE"))
        else:
            connection.execution_options(isolation_level="READ COMMITTED")
            # A migration may run longer than a request. lock_timeout stays, so it does not wait long for locks.
            connection.execute(text("SET statement_timeout = 0"))
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=db.metadata,
            transaction_per_migration=True,
            compare_server_default=True,
            # The arguments of Flask-Migrate: compare types, and rebuild tables that SQLite cannot alter.
            **current_app.extensions["migrate"].configure_args,
        )
        try:
            with context.begin_transaction():
                context.run_migrations()
        except OperationalError as problem:
            if locks.is_refused(problem):
                connection.rollback()
                raise SystemExit(f"bankapp: {locks.refusal(connection)}") from problem
            raise


if context.is_offline_mode():
    raise SystemExit("bankapp: migrations need a database; --sql is not supported")
run()
