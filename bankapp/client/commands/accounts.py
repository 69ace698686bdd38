"""Commands for accounts: list, show, open, close, freeze and unfreeze."""

from __future__ import annotations

import click

from bankapp.client import references
from bankapp.client.app import Command, Group
from bankapp.client.client import Client, pass_client
from bankapp.client.options import list_options
from bankapp.client.output import Document

COLUMNS = ("number", "name", "type", "balance", "available_balance", "status", "id")


@click.command(cls=Command, examples=["accounts", "accounts --json | jq '.items[].number'"])
@list_options
@pass_client
def accounts(client: Client, limit: int | None, cursor: str | None) -> Document:
    """List your accounts with their balances."""
    page = client.session.page("/accounts", limit, cursor)
    return client.out.table(page, COLUMNS, client.currencies, "You have no account yet: `account open`.")


@click.group(cls=Group)
def account() -> None:
    """One account: show, open, close; for staff: freeze and unfreeze.

    Name an account by its id, its IBAN, or a unique beginning or end of either.
    """


@account.command(examples=["account show 5330117"])
@click.argument("account")
@pass_client
def show(client: Client, account: str) -> Document:
    """Show an account."""
    return client.out.item(references.account(client.session, account), client.currencies)


@account.command("open", examples=["account open --currency EUR", "account open --type savings --currency JPY"])
@click.option("--type", "kind", type=click.Choice(["checking", "savings"]), default="checking", show_default=True)
@click.option("--currency", default="EUR", show_default=True, metavar="CODE", help="ISO 4217.")
@click.option("--name", help="What you call the account.")
@click.option("--key", help="Your own idempotency key: the same key never opens a second account.")
@pass_client
def open_(client: Client, kind: str, currency: str, name: str | None, key: str | None) -> Document:
    """Open an account."""
    code = currency.upper()
    body = {"type": kind, "currency": code, "name": name}
    made = client.place("/accounts", body, f"open a {kind} account in {code}", key)
    return client.out.item(made, client.currencies, "Account opened")


@account.command(examples=["account name 5330117 Holidays", "account name 5330117 ''"])
@click.argument("account")
@click.argument("name")
@pass_client
def name(client: Client, account: str, name: str) -> Document:
    """Give an account a name of your own; an empty NAME takes it away."""
    found = references.account(client.session, account)
    changed = client.session.change("PATCH", f"/accounts/{found['id']}", {"name": name or None})
    return client.out.item(changed, client.currencies)


@account.command(examples=["account close 5330117", "account close 5330117 --yes"])
@click.argument("account")
@click.confirmation_option(prompt="An account is closed for good. Close it?")
@pass_client
def close(client: Client, account: str) -> Document:
    """Close an account for good, once it is empty."""
    return _change(client, account, "close")


@account.command(examples=["account freeze 0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"])
@click.argument("account")
@pass_client
def freeze(client: Client, account: str) -> Document:
    """Freeze an account (staff): no money moves on it."""
    return _change(client, account, "freeze")


@account.command(examples=["account unfreeze 0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"])
@click.argument("account")
@pass_client
def unfreeze(client: Client, account: str) -> Document:
    """Unfreeze an account (staff)."""
    return _change(client, account, "unfreeze")


def _change(client: Client, reference: str, change: str) -> Document:
    found = references.account(client.session, reference)
    return client.out.item(client.session.change("POST", f"/accounts/{found['id']}/{change}"), client.currencies)
