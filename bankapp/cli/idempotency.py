"""``flask idempotency``: maintenance of idempotency keys."""

from __future__ import annotations

from flask.cli import AppGroup

from bankapp.cli.output import refusals
from bankapp.services import idempotency

command = AppGroup("idempotency", help="Idempotency keys.")


@command.command("purge")
@refusals()
def purge() -> None:
    """Delete the keys that are older than 7 days. Safe at any time; run it once a day."""
    print(f"{idempotency.purge():>8} idempotency keys")
