"""``flask api-keys``: what an operator does with the API keys of customers."""

from __future__ import annotations

import getpass
from uuid import UUID

import click
from flask.cli import AppGroup

from bankapp.cli.output import refusals
from bankapp.services.identity import api_keys

command = AppGroup("api-keys", help="API keys of customers.")


@command.command("revoke")
@click.argument("key_id", metavar="ID", type=click.UUID)
@refusals()
def revoke(key_id: UUID) -> None:
    """Revoke one key of a customer at once, with all its secrets.

    ID is the api_key_id of the log and of the audit log. The customer gets the event api_key.revoked.
    """
    key = api_keys.revoke_for(str(key_id), operator=getpass.getuser())
    print(f"Revoked the API key {key.name} ({key.last4}) of the user {key.user_id}.")
