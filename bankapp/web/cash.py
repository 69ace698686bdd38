"""Deposits and withdrawals: the form and the review before the request."""

from __future__ import annotations

from typing import Any, Final

from bankapp import context, money
from bankapp.models import AccountRecord
from bankapp.services import accounts
from bankapp.web import amounts
from bankapp.web.pages import Pages, argument, render

blueprint = Pages("cash", __name__)

KINDS: Final = ("deposit", "withdrawal")

_FIELDS: Final = ("kind", "account", "amount", "description")


@blueprint.page("/cash")
def cash() -> str:
    """Return the form, filled in from the query string."""
    return render("cash", **_form(_values()))


@blueprint.page("/cash/review")
def review() -> str:
    """Return the deposit or withdrawal for review, or the form with its errors."""
    values = _values()
    account = next((account for account in _mine() if account.id == values["account"]), None)
    if account is None:
        return render("cash_form", **_form(values, {"account": "Choose an account."}))
    complaints: dict[str, str] = {}
    amount = amounts.read(values["amount"], account.currency, complaints)
    if amount is not None and values["kind"] == "withdrawal" and amount > account.available_balance:
        complaints["amount"] = "The available balance does not cover the amount."
    if complaints:
        return render("cash_form", **_form(values, complaints))
    body: dict[str, Any] = {
        "account_id": account.id,
        "type": values["kind"],
        "amount": amount,
        "currency": account.currency,
    }
    if values["description"]:
        body["description"] = values["description"]
    return render("cash_review", values=values, body=body, account=account)


def _values() -> dict[str, str]:
    values = {name: argument(name) for name in _FIELDS}
    return values | {"kind": values["kind"] if values["kind"] in KINDS else KINDS[0]}


def _mine() -> list[AccountRecord]:
    return [account for account in accounts.of_user(context.user().id) if account.status == "active"]


def _form(values: dict[str, str], complaints: dict[str, str] | None = None) -> dict[str, Any]:
    own = _mine()
    digits = {account.id: money.exponent(account.currency) for account in own}
    return {"accounts": own, "values": values, "complaints": complaints or {}, "digits": digits, "kinds": KINDS}
