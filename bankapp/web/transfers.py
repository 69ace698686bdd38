"""Transfers: the form, the review before the request, the receipt."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from marshmallow import ValidationError

from bankapp import context, errors, money
from bankapp.models import AccountRecord, PayeeRecord
from bankapp.schemas.payees import payee_name
from bankapp.schemas.transfers import NewTransfer
from bankapp.services import accounts, transfers
from bankapp.services.transfers import Order
from bankapp.web import amounts, display
from bankapp.web.pages import Pages, argument, id_argument, load, render
from bankapp.web.payees import saved

blueprint = Pages("transfers", __name__)

OTHER: Final = "iban"
"""The value of ``to`` when the target is an IBAN: neither a saved payee nor one of the user's accounts."""

_FIELDS: Final = ("from", "to", "name", "iban", "amount", "description", "reference")


@blueprint.page("/send")
def send() -> str:
    """Return the form, filled in from the query string, or from the transfer ``again`` that is to be repeated."""
    values = _again() if argument("again") else {name: argument(name) for name in _FIELDS}
    return render("send", **_form(values))


@blueprint.page("/send/review")
def review() -> str:
    """Return the transfer for review, or the form with its errors."""
    values = {name: argument(name) for name in _FIELDS}
    own = {account.id: account for account in _mine()}
    source = own.get(values["from"])
    if source is None:
        return render("send_form", **_form(values, {"from": "Choose the account to send from."}))
    complaints: dict[str, str] = {}
    payees = {payee.id: payee for payee in saved()}
    payee = payees.get(values["to"])
    body = _body(values, source, payee, complaints)
    number = body.get("to_account_number")
    target = own.get(body.get("to_account_id", "")) or _with_number(own.values(), number)
    name = payee.name if payee else values["name"]
    if target is None and not complaints:
        _check_name(name, complaints)
    if complaints:
        return render("send_form", **_form(values, complaints))
    is_saved = any(one.account_number == number for one in payees.values())
    return render(
        "send_review", values=values, body=body, source=source, target=target, payee_name=name, is_saved=is_saved
    )


@blueprint.page("/transfers/<id:transfer_id>")
def receipt(transfer_id: str) -> str:
    """Return the receipt of a transfer."""
    transfer = transfers.get(transfer_id)
    source = _visible(transfer.from_account_id)
    return render(
        "receipt",
        transfer=transfer,
        source=source,
        is_sent=source is not None and source.user_id == context.user().id,
        target=_visible(transfer.to_account_id),
        is_staff=context.user().is_staff,
    )


def _mine() -> list[AccountRecord]:
    return [account for account in accounts.of_user(context.user().id) if account.status == "active"]


def _visible(account_id: str) -> AccountRecord | None:
    try:
        return accounts.get(account_id)
    except errors.NotFound:
        return None


def _with_number(own: Iterable[AccountRecord], number: str | None) -> AccountRecord | None:
    return next((account for account in own if account.number == number), None)


def _again() -> dict[str, str]:
    """Return the values of the form that repeat a transfer of the user. Raises NotFound."""
    transfer = transfers.get(id_argument("again"))
    number = transfers.payee_number(transfer)
    target = _with_number(_mine(), number)
    payee = next((payee for payee in saved() if payee.account_number == number), None)
    return {
        "from": transfer.from_account_id,
        "to": target.id if target else payee.id if payee else OTHER,
        "name": transfer.counterparty.name if transfer.counterparty else "",
        "iban": display.iban(number),
        "amount": amounts.localized(transfer.amount, transfer.currency),
        "description": transfer.description or "",
        "reference": transfer.reference or "",
    }


def _form(values: dict[str, str], complaints: dict[str, str] | None = None) -> dict[str, Any]:
    own, payees = _mine(), saved()
    digits = {account.id: money.exponent(account.currency) for account in own}
    chosen = values["to"] or ("" if payees else OTHER)
    return {
        "accounts": own,
        "payees": payees,
        "values": values | {"to": chosen},
        "complaints": complaints or {},
        "digits": digits,
        "other": OTHER,
    }


def _check_name(name: str, complaints: dict[str, str]) -> None:
    try:
        payee_name().deserialize(name or None)
    except ValidationError as problem:
        complaints["name"] = str(problem.messages[0]) if name else "Write the name of the person or company."


def _body(
    values: dict[str, str], source: AccountRecord, payee: PayeeRecord | None, complaints: dict[str, str]
) -> dict[str, Any]:
    """Return the body of the transfer request. Its errors are added to ``complaints``."""
    amount = amounts.read(values["amount"], source.currency, complaints)
    if amount is not None and amount > source.available_balance:
        complaints["amount"] = "The available balance does not cover the amount."
    if values["to"] == values["from"]:
        complaints["to"] = "Choose an account other than the one you send from."
    # A wrong amount is replaced by 1, so that the schema can still check the other fields.
    body: dict[str, Any] = {"from_account_id": source.id, "amount": amount or 1, "currency": source.currency}
    if payee is not None:
        body["to_account_number"] = payee.account_number
    elif values["to"] == OTHER:
        body["to_account_number"] = values["iban"]
    elif values["to"]:
        body["to_account_id"] = values["to"]
    else:
        complaints["to"] = "Choose whom to pay."
    if values["description"]:
        body["description"] = values["description"]
    if values["reference"].strip():
        body["reference"] = values["reference"].strip()
    try:
        order: Order = load(NewTransfer(), body)
    except errors.ValidationFailed as refusal:
        fields = {"to_account_number": "iban", "description": "description", "reference": "reference"}
        for name, messages in (refusal.errors or {}).items():
            complaints.setdefault(fields.get(name, "to"), messages[0])
        return body
    return body | ({"to_account_number": order.to_account_number} if order.to_account_number else {})
