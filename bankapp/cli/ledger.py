"""``flask ledger``: the role the application runs as."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from bankapp.cli.output import refusals
from bankapp.services import privileges

command = AppGroup("ledger", help="Guard and check the books.")


@command.command("grant")
@click.argument("role")
@refusals()
def grant(role: str) -> None:
    """Give ROLE what the running application needs in the database, and nothing else (PostgreSQL)."""
    privileges.grant(role)
    print(f"{role} may now run the application; repeat this after every migration.")
