"""Commands that move money, and the command that finishes unfinished requests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import click

from bankapp.client import orders, references
from bankapp.client.app import Command
from bankapp.client.client import Client, pass_client
from bankapp.client.errors import ClientError, OutcomeUnknown
from bankapp.client.output import Document
from bankapp.client.store import Order


def payment_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that describe a payment, and --key, to a command that moves money."""
    function = click.option(
        "--end-to-end-id", metavar="ID", help="Your identifier of the payment (ISO 20022), at most 35 characters."
    )(function)
    function = click.option(
        "--reference", help="For example the number of an invoice, at most 35 characters: letters, digits, /-?:().,'+."
    )(function)
    function = click.option("--description", help="At most 140 characters.")(function)
    return click.option("--key", help="Your own idempotency key: the same key never moves money twice.")(function)


@click.command(
    cls=Command, examples=["deposit 5330117 100.00", "deposit DE49500105175415330117 12.34 --description 'Found it'"]
)
@click.argument("account")
@click.argument("amount")
@payment_options
@pass_client
def deposit(client: Client, account: str, amount: str, key: str | None, **texts: str | None) -> Document:
    """Deposit money into an account. AMOUNT is in major units: 12.34 EUR, 500 JPY."""
    return _transaction(client, "deposit", account, amount, key=key, texts=texts)


@click.command(cls=Command, examples=["withdraw 5330117 20", "withdraw 5330117 20 --key rent-november"])
@click.argument("account")
@click.argument("amount")
@payment_options
@pass_client
def withdraw(client: Client, account: str, amount: str, key: str | None, **texts: str | None) -> Document:
    """Withdraw money from an account. AMOUNT is in major units: 12.34 EUR, 500 JPY."""
    return _transaction(client, "withdrawal", account, amount, key=key, texts=texts)


def _transaction(
    client: Client, kind: str, account: str, amount: str, *, key: str | None, texts: Mapping[str, str | None]
) -> Document:
    found = references.account(client.session, account)
    code = found["currency"]
    minor = client.currencies.minor(amount, code)
    body = {"account_id": found["id"], "type": kind, "amount": minor, "currency": code}
    summary = f"{kind} of {client.currencies.display(minor, code)}, account {found['number']}"
    made = client.place("/transactions", body | _given(texts), summary, key)
    return client.out.item(made, client.currencies, f"{kind.capitalize()} done")


@click.command(
    cls=Command,
    examples=[
        "transfer 5330117 DE49500105175415330117 25.50 --description 'Rent November' --reference INV-0117",
        "transfer 5330117 8fe1 25.50 --key rent-november --json",
    ],
)
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.argument("amount")
@click.option("--verification", metavar="TOKEN", help="The token of `payees verify` for the same account.")
@payment_options
@pass_client
def transfer(
    client: Client,
    *,
    source: str,
    target: str,
    amount: str,
    verification: str | None,
    key: str | None,
    **texts: str | None,
) -> Document:
    """Send money from your account to any account.

    FROM is your account. TO is an IBAN, an account id or another account of yours. AMOUNT is in major
    units of FROM's currency: 12.34 EUR, 500 JPY.
    """
    account = references.account(client.session, source)
    receiver, name = references.target(client.session, target)
    code = account["currency"]
    minor = client.currencies.minor(amount, code)
    body = {"from_account_id": account["id"], "amount": minor, "currency": code} | receiver | _given(texts)
    if verification is not None:
        body["payee_verification_token"] = verification
    summary = f"transfer of {client.currencies.display(minor, code)} from {account['number']} to {name}"
    made = client.place("/transfers", body, summary, key)
    return client.out.item(made, client.currencies, "Transfer done")


@click.command(cls=Command, examples=["reverse 0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"])
@click.argument("transfer_id", metavar="TRANSFER")
@pass_client
def reverse(client: Client, transfer_id: str) -> Document:
    """Reverse a transfer (staff). A transfer can be reversed once."""
    made = client.place(f"/transfers/{transfer_id}/reversal", {}, f"reversal of transfer {transfer_id}")
    return client.out.item(made, client.currencies, "Transfer reversed")


@click.command(cls=Command, examples=["resume", "resume --list", "resume --forget 3f2c"])
@click.option("--list", "only_list", is_flag=True, help="Only show the unfinished requests.")
@click.option("--forget", metavar="KEY", help="Forget the request whose key begins so. It may have been carried out.")
@pass_client
def resume(client: Client, only_list: bool, forget: str | None) -> Document:
    """Finish the requests whose answer was lost.

    Each is sent again with its own idempotency key, so it is carried out exactly once. The exit code
    is 5 while a request is still unfinished.
    """
    unfinished = client.profile.orders()
    if only_list:
        rows = [_row(order, "unfinished") for order in unfinished]
        return client.out.table({"items": rows}, ["key", "age", "summary"], empty="Nothing is unfinished.")
    if forget:
        return _forget(client, unfinished, forget)
    rows = [_finish(client, order) for order in unfinished]
    page = client.out.table(
        {"items": rows}, ["summary", "outcome", "detail"], empty="Nothing is unfinished; all outcomes are known."
    )
    if any(row["outcome"] == "unfinished" for row in rows):
        raise OutcomeUnknown("Not everything could be finished.")
    return page


def _finish(client: Client, order: Order) -> dict[str, Any]:
    tokens = client.session.tokens()
    if (order.url, order.user_id) != (tokens.url, tokens.user_id):
        return _row(order, "unfinished", "It belongs to another user or another bank than this sign-in.")
    if orders.is_too_old(order):
        return _row(
            order, "unfinished", f"Too old to be sent again safely. See `history`, then --forget {order.key[:8]}."
        )
    with client.profile.locked_order(order) as is_locked:
        if not is_locked:
            return _row(order, "unfinished", "Another command is sending it now.")
        try:
            answer = orders.deliver(
                client.session, order, sent_before=True, pauses_seconds=orders.RESUME_PATIENCE_SECONDS
            )
        except OutcomeUnknown as problem:
            return _row(order, "unfinished", str(problem))
        except ClientError as refusal:
            return _row(order, "refused", str(refusal), problem=refusal.document())
    return _row(order, "done", answer["id"], answer=answer)


def _forget(client: Client, unfinished: list[Order], beginning: str) -> Document:
    found = [order for order in unfinished if order.key.startswith(beginning)]
    if len(found) != 1:
        raise click.UsageError(f"{len(found)} unfinished requests have a key that begins with {beginning!r}.")
    client.profile.settle(found[0])
    return client.out.done(f"Forgotten: {found[0].summary}.", _row(found[0], "forgotten"))


def _row(order: Order, outcome: str, detail: str | None = None, **more: Any) -> dict[str, Any]:
    age = _age(order.made_at)
    return {"key": order.key, "age": age, "summary": order.summary, "outcome": outcome, "detail": detail} | more


def _given(texts: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in texts.items() if text is not None}


def _age(made_at: float) -> str:
    """Return how long ago a time (seconds since 1970) was, in the largest fitting unit."""
    seconds = int(time.time() - made_at)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
