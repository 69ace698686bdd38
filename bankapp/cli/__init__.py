"""The ``flask`` commands, one module per group."""

from __future__ import annotations

from flask import Flask

from bankapp.cli import authorizations

GROUPS = (authorizations.group,)


def init_app(app: Flask) -> None:
    """Register the commands on ``app``."""
    for group in GROUPS:
        app.cli.add_command(group)
