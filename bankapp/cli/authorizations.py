"""``flask authorizations``: upkeep of card holds."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from bankapp.services import authorizations

command = AppGroup("authorizations", help="Card authorizations.")


@command.command()
def expire() -> None:
    """Release the holds that have expired; run it every few minutes. None of them counts meanwhile."""
    click.echo(f"{authorizations.expire()} holds released")
