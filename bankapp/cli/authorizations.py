"""``flask authorizations``: maintenance of card holds."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from bankapp.services import authorizations

command = AppGroup("authorizations", help="Card authorizations.")


@command.command()
def expire() -> None:
    """Release the expired holds. Run it every few minutes; an expired hold reduces no balance in the meantime."""
    click.echo(f"{authorizations.expire()} holds released")
