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
    """Return the user's payees, those that were paid last first, the others by name."""
    found: list[PayeeRecord] = []
    window: Window | None = Window(100)
    while window is not None:
        page = payees.search(window)
        found += page.items
        window = None if page.next_position is None else Window(100, page.next_position)
    return sorted(found, key=_order)


def _order(payee: PayeeRecord) -> tuple[float, str]:
    paid_at = payee.last_paid_at.timestamp() if payee.last_paid_at else 0.0
    return -paid_at, (payee.nickname or payee.name).casefold()
