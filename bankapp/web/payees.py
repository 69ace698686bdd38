"""Payees: the people and companies that the user has saved."""

from __future__ import annotations

from bankapp.listing import Window
from bankapp.models import PayeeRecord
from bankapp.services import payees
from bankapp.web.pages import Pages, render

blueprint = Pages("payees", __name__)


@blueprint.page("/payees")
def list_payees() -> str:
    """Return the user's payees, with a form for each that renames it."""
    return render("payees", payees=saved())


def saved() -> list[PayeeRecord]:
    """Return the user's payees, those that were paid last first."""
    found: list[PayeeRecord] = []
    window = Window(100)
    while True:
        page = payees.search(window)
        found += page.items
        if page.next_position is None:
            break
        window = Window(100, page.next_position)
    by_name = sorted(found, key=lambda payee: (payee.nickname or payee.name).casefold())
    paid = [payee for payee in by_name if payee.last_paid_at]
    return sorted(paid, key=lambda payee: str(payee.last_paid_at), reverse=True) + [
        payee for payee in by_name if not payee.last_paid_at
    ]
