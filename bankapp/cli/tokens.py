"""``flask tokens``: maintenance of sessions and tokens."""

from __future__ import annotations

from flask.cli import AppGroup

from bankapp.cli.output import refusals
from bankapp.services.identity import tokens

command = AppGroup("tokens", help="Sessions and tokens.")


@command.command("purge")
@refusals()
def purge() -> None:
    """Delete sessions and tokens that ended long ago. Safe at any time; run it once a day."""
    for kind, count in tokens.purge().items():
        print(f"{count:>8} {kind}")
