"""Commands for cards and for the holds of merchants."""

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

    Name a card by its id, its last four digits, or a unique beginning or end of its id.
    """


@cards.command("list", examples=["cards list", "cards list --account 5330117"])
@click.option("--account", help="Only the cards of this account.")
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
    """Issue a card for an account. Its number is shown only once."""
    found = references.account(client.session, account)
    body = {"account_id": found["id"], "type": kind}
    made: Document = client.place("/cards", body, f"{kind} card for account {found['number']}", key)
    client.out.item(made, title="Card issued")
    if made["pan"] is None:
        client.out.note("The card number was in an earlier answer and is not shown again.", "yellow")
    else:
        client.out.note("Write the card number (pan) down: it is not shown again.", "yellow")
    return made


@cards.command(examples=["cards block 1881"])
@click.argument("card")
@pass_client
def block(client: Client, card: str) -> Document:
    """Block a card. It can be unblocked later."""
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
    """Terminate a card for good."""
    return _change(client, card, "terminate")


@cards.command(examples=["cards authorize 1881 25.00 --merchant 'Corner Bakery'"])
@click.argument("card")
@click.argument("amount")
@click.option("--merchant", required=True, help="The merchant who asks for the money.")
@click.option("--key", help="Your own idempotency key: the same key never holds money twice.")
@pass_client
def authorize(client: Client, card: str, amount: str, merchant: str, key: str | None) -> Document:
    """Hold money on a card for a merchant, as a shop does."""
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
    """List the holds on one card or on all cards, finished ones included."""
    card_id = references.card(client.session, card)["id"] if card else None
    page = client.session.page("/authorizations", limit, cursor, card_id=card_id)
    return client.out.table(page, HOLD_COLUMNS, client.currencies, "No holds.")


@cards.command(examples=["cards capture 4a5b", "cards capture 4a5b 19.90"])
@click.argument("hold")
@click.argument("amount", required=False)
@pass_client
def capture(client: Client, hold: str, amount: str | None) -> Document:
    """Capture a hold, or AMOUNT of it. The rest is released."""
    found = references.authorization(client.session, hold)
    body: dict[str, int] = {} if amount is None else {"amount": client.currencies.minor(amount, found["currency"])}
    summary = f"capture of {amount or 'the hold'} for {found['merchant']}, card {found['card_id']}"
    made = client.place(f"/authorizations/{found['id']}/capture", body, summary)
    return client.out.item(made, client.currencies, "Hold captured")


@cards.command(examples=["cards void 4a5b"])
@click.argument("hold")
@pass_client
def void(client: Client, hold: str) -> Document:
    """Release a hold without a capture."""
    found = references.authorization(client.session, hold)
    summary = f"release of {client.currencies.display(found['amount'], found['currency'])} for {found['merchant']}"
    made = client.place(f"/authorizations/{found['id']}/void", {}, summary)
    return client.out.item(made, client.currencies, "Hold released")


@cards.command(examples=["cards limits 1881", "cards limits 1881 --per-authorization 100 --per-day none"])
@click.argument("card")
@click.option("--per-authorization", metavar="AMOUNT|none", help="The limit of each authorization.")
@click.option("--per-day", metavar="AMOUNT|none", help="The limit of each day (UTC).")
@pass_client
def limits(client: Client, card: str, per_authorization: str | None, per_day: str | None) -> Document:
    """Show a card's limits, or set the ones named by options."""
    path = f"/cards/{references.card(client.session, card)['id']}/limits"
    current = client.session.get(path)
    changes = {"per_authorization": per_authorization, "per_day": per_day}
    if any(changes.values()):
        body = {
            name: current[name] if text is None else _limit(client, text, current) for name, text in changes.items()
        }
        current = client.session.change("PUT", path, body)
    return client.out.item(current, client.currencies)


def _limit(client: Client, text: str, limits: Document) -> int | None:
    return None if text == "none" else client.currencies.minor(text, limits["currency"])


def _change(client: Client, reference: str, change: str) -> Document:
    found = references.card(client.session, reference)
    return client.out.item(client.session.change("POST", f"/cards/{found['id']}/{change}"))
