"""``flask statements``: the records of monthly statements."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from bankapp.services import statement_closings

command = AppGroup("statements", help="Monthly statements.")


@command.command()
def close() -> None:
    """Make the statements of the months that are over; run it every day. A request makes those it needs by itself.

    Exit code 1 where the database refused the statements of an account, which it names.
    """
    closing = statement_closings.close_all()
    click.echo(f"{closing.made} statements made")
    for account_id in closing.refused:
        click.echo(f"account {account_id}: refused, see flask ledger verify", err=True)
    sys.exit(1 if closing.refused else 0)
