"""``flask webhooks``: sending events to webhook endpoints."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from bankapp.services import events, webhook_deliveries, webhook_fan_out

command = AppGroup("webhooks", help="Webhooks.")


@command.command()
def deliver() -> None:
    """Give new events their positions, make their deliveries, and send everything that is due now."""
    numbered = sum(iter(events.number, 0))
    fanned_out = sum(iter(webhook_fan_out.fan_out, 0))
    attempts = sum(iter(webhook_deliveries.deliver, 0))
    click.echo(f"{numbered} events numbered, {fanned_out} fanned out, {attempts} attempts made")


@command.command()
def purge() -> None:
    """Delete the deliveries that are older than the retention of events."""
    click.echo(f"{webhook_deliveries.purge()} deliveries deleted")
