"""Movements: the history of all the user's accounts, and the page of each movement."""

from __future__ import annotations

from typing import Any

from flask import url_for

from bankapp import context, errors
from bankapp.categories import BUILT_IN
from bankapp.services import accounts, transaction_annotations, transactions, transfers
from bankapp.web import histories
from bankapp.web.pages import Pages, argument, render

blueprint = Pages("movements", __name__)


@blueprint.page("/movements")
def movements() -> str:
    """Return the newest movements of all the user's accounts, with the form that filters them."""
    return render("movements", types=histories.TYPES, **_history())


@blueprint.page("/movements/more")
def more() -> str:
    """Return a page of the movements, filtered by the query string."""
    return render("history", **_history())


@blueprint.page("/movements/<id:transaction_id>")
def movement(transaction_id: str) -> str:
    """Return all that is known of one movement, and what can be done about it."""
    item = transactions.get(transaction_id)
    is_mine = item.user_id == context.user().id
    return render(
        "movement",
        categories=sorted({*BUILT_IN, *filter(None, [item.category])}),
        version=transaction_annotations.get(transaction_id).version if is_mine else None,
        item=item,
        account=accounts.get(item.account_id),
        transfer=transfers.get(item.transfer_id) if item.transfer_id else None,
        is_mine=is_mine,
        is_staff=context.user().is_staff,
    )


def _history() -> dict[str, Any]:
    own = {account.id: account for account in accounts.of_user(context.user().id)}
    account_id = argument("account") or None
    if account_id is not None and account_id not in own:
        raise errors.NotFound("There is no such account.")
    return {
        "names": own,
        "place": url_for(".more"),
        **histories.shown("/app/movements", list(own.values()), account_id),
    }
