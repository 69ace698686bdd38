"""Commands for saved payees, and for the name on an account."""

from __future__ import annotations

import click

from bankapp.client import references
from bankapp.client.app import Group
from bankapp.client.client import Client, pass_client
from bankapp.client.options import list_options
from bankapp.client.output import Document

COLUMNS = ("name", "nickname", "account_number", "last_paid_at", "trusted", "id")

RESULTS = {
    "match": "The name matches: the account belongs to {given}.",
    "close_match": "Close match: the account belongs to {name}.",
    "no_match": "The name does not match: the account belongs to somebody else.",
    "not_possible": "The name could not be checked: this bank has no such account.",
}


@click.group(cls=Group)
def payees() -> None:
    """Save the people and companies that you pay, and verify their names.

    Name a payee by its id, its IBAN, or a unique beginning or end of either.
    """


@payees.command("list", examples=["payees list", "payees list --all --json"])
@list_options
@pass_client
def list_(client: Client, limit: int | None, cursor: str | None) -> Document:
    """List your payees."""
    page = client.session.page("/payees", limit, cursor)
    return client.out.table(page, COLUMNS, empty="You have no payee: `payees add`.")


@payees.command(
    "add", examples=["payees add 'Grace Hopper' DE49500105175415330117", "payees add Acme DE… --nickname Landlady"]
)
@click.argument("name")
@click.argument("account_number", metavar="IBAN")
@click.option("--nickname", help="Your own name for the payee.")
@pass_client
def add(client: Client, name: str, account_number: str, nickname: str | None) -> Document:
    """Save a payee. Whether the account exists is not looked up."""
    body = {"name": name, "account_number": references.iban(account_number), "nickname": nickname}
    made = client.place("/payees", body, f"payee {name}, {account_number}")
    return client.out.item(made, title="Payee saved")


@payees.command("remove", examples=["payees remove 330117"])
@click.argument("payee")
@pass_client
def remove(client: Client, payee: str) -> Document:
    """Remove a payee. Transfers that you made stay in the history."""
    found = references.payee(client.session, payee)
    client.session.change("DELETE", f"/payees/{found['id']}")
    return client.out.done(f"The payee {found['name']} is removed.", found)


@payees.command("verify", examples=["payees verify 'Grace Hopper' DE49500105175415330117"])
@click.argument("name")
@click.argument("account_number", metavar="IBAN")
@pass_client
def verify(client: Client, name: str, account_number: str) -> Document:
    """Tell whether a name is that of an account's holder. No money moves, and nothing is saved."""
    body = {"name": name, "account_number": references.iban(account_number)}
    made = client.session.change("POST", "/payee-verifications", body)
    told = RESULTS.get(made["result"], made["result"]).format(given=name, name=made["name"])
    client.out.note(f"For `transfer --verification` within 15 minutes: {made['token']}")
    return client.out.done(told, made)
