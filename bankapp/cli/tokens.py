"""``flask tokens``: housekeeping of sessions and tokens."""

from __future__ import annotations

from flask.cli import AppGroup

from bankapp.cli.output import refusals
from bankapp.services.identity import tokens

command = AppGroup("tokens", help="Sessions and tokens.")


@command.command("purge")
@refusals()
def purge() -> None:
    """Delete sessions and tokens that are long dead; safe at any time, meant for once a day."""
    for what, count in tokens.purge().items():
        print(f"{count:>8} {what}")
