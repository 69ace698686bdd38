"""Cards: how they look, issuing and blocking them."""

from __future__ import annotations

from bankapp import context
from bankapp.listing import Window
from bankapp.models import Card
from bankapp.models.card import TYPES
from bankapp.services import accounts, cards
from bankapp.web.pages import Pages, render

blueprint = Pages("cards", __name__)


@blueprint.page("/cards")
def wallet() -> str:
    """Answer all cards of whoever asks, those that work first."""
    own = accounts.of_user(context.user().id)
    found = [card for account in own for card in cards.search(account.id, Window(100)).items]
    return render(
        "cards",
        cards=sorted(found, key=_order),
        accounts={account.id: account for account in own},
        active=[account for account in own if account.status == "active"],
        types=TYPES,
    )


@blueprint.page("/cards/<id:card_id>")
def card(card_id: str) -> str:
    """Answer one card and what can be done with it."""
    found = cards.get(card_id)
    is_mine = cards.owner(found) == context.user().id
    return render("card", card=found, account=found.account, is_mine=is_mine)


def _order(card: Card) -> tuple[int, str]:
    return (("active", "blocked", "terminated").index(card.status), card.id)
