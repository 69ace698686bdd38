"""Cards: their pictures, limits and payments."""

from __future__ import annotations

from bankapp import context, money
from bankapp.listing import Window
from bankapp.models import CardRecord
from bankapp.models.card import STATUSES, TYPES
from bankapp.services import accounts, authorizations, card_limits, cards
from bankapp.web import amounts
from bankapp.web.pages import Pages, argument, render

blueprint = Pages("cards", __name__)

_ALL = Window(100)
_LATEST = Window(20)
_LIMITS = ("per_authorization", "per_day")


@blueprint.page("/cards")
def wallet() -> str:
    """Return all cards of the user, active cards first."""
    own = accounts.of_user(context.user().id)
    own_cards = [card for account in own for card in cards.search(account.id, _ALL).items]
    return render(
        "cards",
        cards=sorted(own_cards, key=_order),
        accounts={account.id: account for account in own},
        active=[account for account in own if account.status == "active"],
        types=TYPES,
    )


@blueprint.page("/cards/<id:card_id>")
def card(card_id: str) -> str:
    """Return one card with its limits, its payments and its actions."""
    shown = cards.get(card_id)
    return render(
        "card",
        account=accounts.get(shown.account_id),
        is_mine=shown.user_id == context.user().id,
        payments=authorizations.search(card_id, _LATEST).items,
        **(_limits_form(shown) | _payment_form(shown)),
    )


@blueprint.page("/cards/<id:card_id>/limits")
def limits(card_id: str) -> str:
    """Return the form for the limits, filled in with the current ones."""
    return render("card_limits_form", **_limits_form(cards.get(card_id)))


@blueprint.page("/cards/<id:card_id>/limits/review")
def review_limits(card_id: str) -> str:
    """Return the new limits for review, or the form with its errors. An empty field means no limit."""
    changed = cards.get(card_id)
    currency = changed.currency
    values = {name: argument(name) for name in _LIMITS}
    complaints: dict[str, str] = {}
    body = {name: amounts.read(text, currency, complaints, name) if text else None for name, text in values.items()}
    if complaints:
        return render("card_limits_form", **_limits_form(changed, values, complaints))
    return render("card_limits_review", card=changed, currency=currency, body=body)


@blueprint.page("/cards/<id:card_id>/pay")
def pay(card_id: str) -> str:
    """Return the form of a payment in a shop, filled in from the query string."""
    values = {name: argument(name) for name in ("amount", "merchant")}
    return render("card_pay_form", **_payment_form(cards.get(card_id), values))


@blueprint.page("/cards/<id:card_id>/pay/review")
def review_payment(card_id: str) -> str:
    """Return the payment for review, or the form with its errors."""
    charged = cards.get(card_id)
    currency = charged.currency
    values = {name: argument(name) for name in ("amount", "merchant")}
    complaints: dict[str, str] = {}
    amount = amounts.read(values["amount"], currency, complaints)
    if not values["merchant"]:
        complaints["merchant"] = "Enter the name of the shop."
    if complaints:
        return render("card_pay_form", **_payment_form(charged, values, complaints))
    body = {"amount": amount, "currency": currency, "merchant": values["merchant"]}
    return render("card_pay_review", card=charged, body=body, values=values)


def _order(card: CardRecord) -> tuple[int, str]:
    return (STATUSES.index(card.status), card.id)


def _limits_form(
    card: CardRecord, values: dict[str, str] | None = None, complaints: dict[str, str] | None = None
) -> dict[str, object]:
    current = card_limits.get(card.id)
    currency = card.currency
    if values is None:
        amounts_minor = {"per_authorization": current.per_authorization, "per_day": current.per_day}
        values = {name: amounts.localized(limit, currency) if limit else "" for name, limit in amounts_minor.items()}
    return {"card": card, "limits": current, "limit_values": values, "limit_complaints": complaints or {}}


def _payment_form(
    card: CardRecord, values: dict[str, str] | None = None, complaints: dict[str, str] | None = None
) -> dict[str, object]:
    return {
        "card": card,
        "values": values or {"amount": "", "merchant": ""},
        "complaints": complaints or {},
        "digits": money.exponent(card.currency),
    }
