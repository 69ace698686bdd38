"""For staff: finding a customer, and what can be done for them."""

from __future__ import annotations

from typing import Final

from bankapp.endpoints import Access
from bankapp.listing import Window
from bankapp.schemas.account_holders import AccountHolderQuery
from bankapp.services import account_holders, accounts
from bankapp.web.pages import Pages, argument, load, render

blueprint = Pages("customers", __name__)

_LIMIT: Final = 25


@blueprint.page("/customers", Access.STAFF)
def find() -> str:
    """Answer the search, and whom it finds."""
    return render("customers", **_found())


@blueprint.page("/customers/found", Access.STAFF)
def found() -> str:
    """Answer whom the search finds."""
    return render("customers_found", **_found())


@blueprint.page("/customers/<id:holder_id>", Access.STAFF)
def customer(holder_id: str) -> str:
    """Answer a customer and their accounts."""
    holder = account_holders.get(holder_id)
    return render("customer", holder=holder, accounts=accounts.of_user(holder.user_id))


def _found() -> dict[str, object]:
    asked = argument("q")
    if not asked:
        return {"q": "", "items": None, "more": False}
    by = load(AccountHolderQuery(), {"email" if "@" in asked else "name": asked})
    page = account_holders.search(email=by.get("email"), name=by.get("name"), window=Window(_LIMIT))
    return {"q": asked, "items": page.items, "more": page.next_position is not None}
