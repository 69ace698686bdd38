"""The overview: all accounts, what they come to, and what happened last."""

from __future__ import annotations

from collections.abc import Sequence

from bankapp import clock, context
from bankapp.listing import HistoryFilter, Window
from bankapp.models import AccountRecord
from bankapp.services import account_holders, accounts, transactions
from bankapp.web.pages import Pages, render

blueprint = Pages("overview", __name__)

_LATEST = Window(8)


@blueprint.page("/overview")
def overview() -> str:
    """Answer the overview of whoever asks."""
    found = accounts.of_user(context.user().id)
    is_customer = context.user().role == context.CUSTOMER
    latest = transactions.search(None, HistoryFilter(), _LATEST).items if is_customer and found else []
    return render(
        "overview",
        accounts=[account for account in found if account.status != "closed"],
        closed=[account for account in found if account.status == "closed"],
        totals=_totals(found),
        latest=latest,
        names={account.id: account for account in found},
        holder=account_holders.of_caller(),
        greeting=_greeting(clock.now().hour),
    )


def _totals(found: Sequence[AccountRecord]) -> dict[str, int]:
    """Sum up by currency, in minor units; the currency with the most accounts comes first."""
    totals: dict[str, int] = {}
    counts: dict[str, int] = {}
    for account in found:
        if account.status != "closed":
            totals[account.currency] = totals.get(account.currency, 0) + account.balance
            counts[account.currency] = counts.get(account.currency, 0) + 1
    return dict(sorted(totals.items(), key=lambda item: (-counts[item[0]], item[0])))


def _greeting(hour: int) -> str:
    if hour < 12:
        return "Good morning"
    return "Good afternoon" if hour < 18 else "Good evening"
