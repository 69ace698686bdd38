"""``flask search``: the search index."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from bankapp.cli.output import refusals
from bankapp.services import search_index

command = AppGroup("search", help="The index that finds transactions by their texts.")


@command.command()
@refusals()
def rebuild() -> None:
    """Renew the index of all accounts while the service runs: after a release that reads texts in another way."""
    transactions, accounts = search_index.rebuild()
    plural = "" if accounts == 1 else "s"
    click.echo(f"{transactions} transactions of {accounts} account{plural} in the index")
