"""The ``flask`` commands, one module per group."""

from __future__ import annotations

from flask import Flask

from bankapp.cli import audit, authorizations, idempotency, ledger, openapi, seed, tokens, users

COMMANDS = (
    audit,
    authorizations,
    idempotency,
    ledger,
    openapi,
    seed,
    tokens,
    users,
)


def init_app(app: Flask) -> None:
    """Register the commands on ``app``."""
    for module in COMMANDS:
        app.cli.add_command(module.command)
