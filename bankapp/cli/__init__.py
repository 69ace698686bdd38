"""The ``flask`` commands, one module per group."""

from __future__ import annotations

import sys

import click
from flask import Flask

from bankapp.cli import (
    api_keys,
    audit,
    authorizations,
    doctor,
    idempotency,
    ledger,
    openapi,
    search,
    seed,
    settings,
    statements,
    tokens,
    users,
    webhooks,
    work,
)
from bankapp.extensions import db
from config import ROOT

COMMANDS = (
    api_keys,
    audit,
    authorizations,
    doctor,
    idempotency,
    ledger,
    openapi,
    search,
    seed,
    settings,
    statements,
    tokens,
    users,
    webhooks,
    work,
)


def init_app(app: Flask) -> None:
    """Register the commands on ``app``."""
    for module in COMMANDS:
        app.cli.add_command(module.command)
    if runs():
        use_migrations(app)


def runs() -> bool:
    """Tell whether a ``flask`` command runs, and not a server."""
    return click.get_current_context(silent=True) is not None


def only_diagnoses() -> bool:
    """Tell whether the command is ``flask doctor``."""
    # click knows the command only after it has loaded the application.
    return runs() and doctor.command.name in sys.argv[1:]


def use_migrations(app: Flask) -> None:
    """Make ``flask db`` work on ``app``. Only commands call this: importing Alembic takes 10 MB in every worker."""
    from flask_migrate import Migrate  # noqa: PLC0415 - see the docstring

    Migrate(app, db, directory=str(ROOT / "migrations"))
