"""For staff: the search for customers, and a customer's accounts."""

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
    """Return the search form and the customers it finds."""
    return render("customers", **_found())


@blueprint.page("/customers/found", Access.STAFF)
def found() -> str:
    """Return the customers that the search finds."""
    return render("customers_found", **_found())


@blueprint.page("/customers/<id:holder_id>", Access.STAFF)
def customer(holder_id: str) -> str:
    """Return a customer and their accounts."""
    holder = account_holders.get(holder_id)
    return render("customer", holder=holder, accounts=accounts.of_user(holder.user_id))


def _found() -> dict[str, object]:
    text = argument("q")
    if not text:
        return {"q": "", "items": None, "more": False}
    arguments = load(AccountHolderQuery(), {"email" if "@" in text else "name": text})
    page = account_holders.search(email=arguments.get("email"), name=arguments.get("name"), window=Window(_LIMIT))
    return {"q": text, "items": page.items, "more": page.next_position is not None}
