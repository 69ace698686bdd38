"""Commands for API keys, with which servers use the bank."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from bankapp.client import references
from bankapp.client.app import Group
from bankapp.client.client import Client, pass_client
from bankapp.client.commands.people import ask_password, password_options
from bankapp.client.errors import SignInRefused
from bankapp.client.options import list_options
from bankapp.client.output import Document

COLUMNS = ("name", "last4", "created_at", "expires_at", "last_used_at", "revoked_at", "id")


def proof_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the ways to give the password and the code that the bank asks for."""
    otp = click.option("--otp", metavar="CODE", help="The code of the second factor. It is asked for when needed.")
    return otp(password_options(function))


@click.group(cls=Group)
def keys() -> None:
    """Let a server use the bank in your name, with an API key.

    The server puts the secret into BANKAPP_API_KEY. Name a key by its id, by the last four characters of its secret, or
    by a unique beginning or end of its id.
    """


@keys.command(
    "create",
    examples=[
        "keys create Payroll --scope accounts:read --scope transfers:write --account 5330117",
        "keys create Reports --scope statements:read --network 203.0.113.0/24 --days 30",
    ],
)
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What the key may do. Repeat for more.")
@click.option("--account", "accounts", multiple=True, help="Only this account. Repeat for more.")
@click.option("--network", "networks", multiple=True, help="Only from this address or CIDR network. Repeat for more.")
@click.option(
    "--days", type=click.IntRange(1, 366), default=90, show_default=True, help="The key ends after this time."
)
@proof_options
@pass_client
def create(
    client: Client,
    *,
    name: str,
    scopes: tuple[str, ...],
    accounts: tuple[str, ...],
    networks: tuple[str, ...],
    days: int,
    otp: str | None,
    password_stdin: bool,
) -> Document:
    """Make a key. Its secret is shown only once."""
    body: dict[str, Any] = {
        "name": name,
        "scopes": scopes,
        "account_ids": [references.account(client.session, account)["id"] for account in accounts] or None,
        "ip_allowlist": networks or None,
        "expires_at": (datetime.now(UTC) + timedelta(days=days)).isoformat(),
    }
    made = _proved(client, "/api-keys", body, otp, password_stdin=password_stdin)
    return _shown(client, made, "API key created")


@keys.command("list", examples=["keys list", "keys list --all --json"])
@list_options
@pass_client
def list_(client: Client, limit: int | None, cursor: str | None) -> Document:
    """List your keys, with those that are revoked or expired."""
    page = client.session.page("/api-keys", limit, cursor)
    return client.out.table(page, COLUMNS, empty="You have no API key: `keys create`.")


@keys.command("roll", examples=["keys roll k3Qz", "keys roll k3Qz --overlap-hours 0"])
@click.argument("key")
@click.option(
    "--overlap-hours",
    type=click.IntRange(0, 168),
    default=24,
    show_default=True,
    help="How long the secret until now still counts.",
)
@proof_options
@pass_client
def roll(client: Client, *, key: str, overlap_hours: int, otp: str | None, password_stdin: bool) -> Document:
    """Give a key a new secret, which is shown only once."""
    found = references.api_key(client.session, key)
    body = {"overlap_seconds": overlap_hours * 3600}
    made = _proved(client, f"/api-keys/{found['id']}/roll", body, otp, password_stdin=password_stdin)
    return _shown(client, made, "API key renewed")


@keys.command("revoke", examples=["keys revoke k3Qz"])
@click.argument("key")
@pass_client
def revoke(client: Client, key: str) -> Document:
    """Revoke a key at once, with all its secrets."""
    found = references.api_key(client.session, key)
    client.session.change("DELETE", f"/api-keys/{found['id']}")
    revoked = client.session.get(f"/api-keys/{found['id']}")
    return client.out.done(f"The key {found['name']} ({found['last4']}) is revoked.", revoked)


def _proved(client: Client, path: str, body: dict[str, Any], otp: str | None, *, password_stdin: bool) -> Document:
    """Send a body with the password, and with the code where the bank asks for it."""
    body = body | {"password": ask_password(client, password_stdin), "otp": otp}
    try:
        made: Document = client.session.change("POST", path, body)
    except SignInRefused as refusal:
        if refusal.reason != "otp_required" or otp:
            raise
        made = client.session.change("POST", path, body | {"otp": click.prompt("One-time password", err=True)})
    return made


def _shown(client: Client, made: Document, title: str) -> Document:
    client.out.item(made, title=title)
    client.out.note("Store the secret now: it is not shown again.", "yellow")
    return made
