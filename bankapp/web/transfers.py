"""Transfers: the form, the review before the request, the receipt."""

from __future__ import annotations

from typing import Any, Final

from bankapp import context, errors, money
from bankapp.models import AccountRecord
from bankapp.schemas.transfers import NewTransfer
from bankapp.services import accounts, transfers
from bankapp.services.transfers import Order
from bankapp.web import amounts
from bankapp.web.pages import Pages, argument, load, render

blueprint = Pages("transfers", __name__)

OTHER: Final = "iban"
"""The value of ``to`` when the target is an IBAN and not one of the user's accounts."""

_FIELDS: Final = ("from", "to", "iban", "amount", "description", "reference")


@blueprint.page("/send")
def send() -> str:
    """Return the form, filled in from the query string."""
    return render("send", **_form({name: argument(name) for name in _FIELDS}))


@blueprint.page("/send/review")
def review() -> str:
    """Return the transfer for review, or the form with its errors."""
    values = {name: argument(name) for name in _FIELDS}
    own = {account.id: account for account in _mine()}
    source = own.get(values["from"])
    if source is None:
        return render("send_form", **_form(values, {"from": "Choose the account to send from."}))
    complaints: dict[str, str] = {}
    body = _body(values, source, complaints)
    if complaints:
        return render("send_form", **_form(values, complaints))
    target = own.get(body.get("to_account_id", ""))
    return render("send_review", values=values, body=body, source=source, target=target)


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


def _form(values: dict[str, str], complaints: dict[str, str] | None = None) -> dict[str, Any]:
    own = _mine()
    digits = {account.id: money.exponent(account.currency) for account in own}
    return {"accounts": own, "values": values, "complaints": complaints or {}, "digits": digits, "other": OTHER}


def _body(values: dict[str, str], source: AccountRecord, complaints: dict[str, str]) -> dict[str, Any]:
    """Return the body of the transfer request. Its errors are added to ``complaints``."""
    amount = amounts.read(values["amount"], source.currency, complaints)
    if amount is not None and amount > source.available_balance:
        complaints["amount"] = "The available balance does not cover the amount."
    if values["to"] == values["from"]:
        complaints["to"] = "Choose an account other than the one you send from."
    # A wrong amount is replaced by 1, so that the schema can still check the other fields.
    body: dict[str, Any] = {"from_account_id": source.id, "amount": amount or 1, "currency": source.currency}
    if values["to"] == OTHER:
        body["to_account_number"] = values["iban"]
    else:
        body["to_account_id"] = values["to"]
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
