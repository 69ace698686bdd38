"""Cards, and the holds that merchants place with them."""

from __future__ import annotations

import click

from bankapp.client import references
from bankapp.client.app import Group
from bankapp.client.client import Client, pass_client
from bankapp.client.options import list_options
from bankapp.client.output import Document

HOLD_COLUMNS = ("created_at", "merchant", "amount", "captured_amount", "status", "expires_at", "id")


@click.group(cls=Group)
def cards() -> None:
    """Cards: list, issue, block, and pay with them.

    A card is named by its id, its last four digits, or a beginning or end of its id that no other has.
    """


@cards.command("list", examples=["cards list", "cards list --account 5330117"])
@click.option("--account", help="Of this account only.")
@list_options
@pass_client
def list_(client: Client, account: str | None, limit: int | None, cursor: str | None) -> Document:
    """List your cards."""
    account_id = references.account(client.session, account)["id"] if account else None
    page = client.session.page("/cards", limit, cursor, account_id=account_id)
    return client.out.table(page, ["last4", "type", "status", "expires", "account_id", "id"], empty="You have no card.")


@cards.command(examples=["cards issue 5330117", "cards issue 5330117 --type physical"])
@click.argument("account")
@click.option("--type", "kind", type=click.Choice(["virtual", "physical"]), default="virtual", show_default=True)
@click.option("--key", help="Your own idempotency key: the same key never issues a second card.")
@pass_client
def issue(client: Client, account: str, kind: str, key: str | None) -> Document:
    """Issue a card for an account. Its number is shown this once."""
    found = references.account(client.session, account)
    body = {"account_id": found["id"], "type": kind}
    made: Document = client.place("/cards", body, f"{kind} card for account {found['number']}", key)
    client.out.item(made, title="Card issued")
    if made["pan"] is None:
        client.out.note("Its number went out with an earlier answer and is not shown again.", "yellow")
    else:
        client.out.note("This is the only time its number (pan) is shown.", "yellow")
    return made


@cards.command(examples=["cards block 1881"])
@click.argument("card")
@pass_client
def block(client: Client, card: str) -> Document:
    """Block a card; it can be unblocked."""
    return _change(client, card, "block")


@cards.command(examples=["cards unblock 1881"])
@click.argument("card")
@pass_client
def unblock(client: Client, card: str) -> Document:
    """Unblock a card."""
    return _change(client, card, "unblock")


@cards.command(examples=["cards terminate 1881", "cards terminate 1881 --yes"])
@click.argument("card")
@click.confirmation_option(prompt="A card is terminated for good. Terminate it?")
@pass_client
def terminate(client: Client, card: str) -> Document:
    """End a card for good."""
    return _change(client, card, "terminate")


@cards.command(examples=["cards authorize 1881 25.00 --merchant 'Corner Bakery'"])
@click.argument("card")
@click.argument("amount")
@click.option("--merchant", required=True, help="Where the card is used.")
@click.option("--key", help="Your own idempotency key: the same key never holds money twice.")
@pass_client
def authorize(client: Client, card: str, amount: str, merchant: str, key: str | None) -> Document:
    """Hold money for a merchant, as a shop does when a card is used."""
    found = references.card(client.session, card)
    account = references.account(client.session, found["account_id"])
    minor = client.currencies.minor(amount, account["currency"])
    body = {"amount": minor, "currency": account["currency"], "merchant": merchant}
    summary = f"hold of {client.currencies.display(minor, account['currency'])} for {merchant}, card {found['last4']}"
    made = client.place(f"/cards/{found['id']}/authorizations", body, summary, key)
    return client.out.item(made, client.currencies, "Money held")


@cards.command("holds", examples=["cards holds", "cards holds 1881"])
@click.argument("card", required=False)
@list_options
@pass_client
def holds(client: Client, card: str | None, limit: int | None, cursor: str | None) -> Document:
    """List what merchants hold or held, of one card or of all."""
    card_id = references.card(client.session, card)["id"] if card else None
    page = client.session.page("/authorizations", limit, cursor, card_id=card_id)
    return client.out.table(page, HOLD_COLUMNS, client.currencies, "Nothing is held.")


@cards.command(examples=["cards capture 4a5b", "cards capture 4a5b 19.90"])
@click.argument("hold")
@click.argument("amount", required=False)
@pass_client
def capture(client: Client, hold: str, amount: str | None) -> Document:
    """Take the held money, or AMOUNT of it; the rest is released."""
    found = references.authorization(client.session, hold)
    body: dict[str, int] = {} if amount is None else {"amount": client.currencies.minor(amount, found["currency"])}
    summary = f"capture of {amount or 'the hold'} for {found['merchant']}, card {found['card_id']}"
    made = client.place(f"/authorizations/{found['id']}/capture", body, summary)
    return client.out.item(made, client.currencies, "Money taken")


@cards.command(examples=["cards void 4a5b"])
@click.argument("hold")
@pass_client
def void(client: Client, hold: str) -> Document:
    """Release the held money."""
    found = references.authorization(client.session, hold)
    summary = f"release of {client.currencies.display(found['amount'], found['currency'])} for {found['merchant']}"
    made = client.place(f"/authorizations/{found['id']}/void", {}, summary)
    return client.out.item(made, client.currencies, "Money released")


@cards.command(examples=["cards limits 1881", "cards limits 1881 --per-authorization 100 --per-day none"])
@click.argument("card")
@click.option("--per-authorization", metavar="AMOUNT|none", help="The most of one authorization.")
@click.option("--per-day", metavar="AMOUNT|none", help="The most of one day (UTC).")
@pass_client
def limits(client: Client, card: str, per_authorization: str | None, per_day: str | None) -> Document:
    """Show a card's limits, or set those that are given."""
    path = f"/cards/{references.card(client.session, card)['id']}/limits"
    found = client.session.get(path)
    given = {"per_authorization": per_authorization, "per_day": per_day}
    if any(given.values()):
        body = {name: found[name] if text is None else _limit(client, text, found) for name, text in given.items()}
        found = client.session.change("PUT", path, body)
    return client.out.item(found, client.currencies)


def _limit(client: Client, text: str, limits: Document) -> int | None:
    return None if text == "none" else client.currencies.minor(text, limits["currency"])


def _change(client: Client, reference: str, change: str) -> Document:
    found = references.card(client.session, reference)
    return client.out.item(client.session.change("POST", f"/cards/{found['id']}/{change}"))
