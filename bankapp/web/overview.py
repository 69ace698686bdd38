"""The overview: all accounts, their totals and the latest transactions."""

from __future__ import annotations

from collections.abc import Sequence

from bankapp import clock, context
from bankapp.listing import HistoryFilter, Window
from bankapp.models import AccountRecord
from bankapp.services import account_holders, accounts, transactions
from bankapp.web import zones
from bankapp.web.pages import Pages, render
from bankapp.web.webhook_endpoints import disabled_by_bank

blueprint = Pages("overview", __name__)

_LATEST = Window(8)


@blueprint.page("/overview")
def overview() -> str:
    """Return the overview of the user."""
    own = accounts.of_user(context.user().id)
    latest = transactions.of_caller(HistoryFilter(), _LATEST).items if own else []
    return render(
        "overview",
        accounts=[account for account in own if account.status != "closed"],
        closed=[account for account in own if account.status == "closed"],
        totals=_totals(own),
        latest=latest,
        names={account.id: account for account in own},
        holder=account_holders.of_caller(),
        disabled_endpoints=disabled_by_bank(),
        greeting=_greeting(zones.local(clock.now()).hour),
    )


def _totals(own: Sequence[AccountRecord]) -> dict[str, int]:
    """Return the total of each currency in minor units. The currency with the most accounts comes first."""
    totals: dict[str, int] = {}
    counts: dict[str, int] = {}
    for account in own:
        if account.status != "closed":
            totals[account.currency] = totals.get(account.currency, 0) + account.balance
            counts[account.currency] = counts.get(account.currency, 0) + 1
    return dict(sorted(totals.items(), key=lambda item: (-counts[item[0]], item[0])))


def _greeting(hour: int) -> str:
    if hour < 12:
        return "Good morning"
    return "Good afternoon" if hour < 18 else "Good evening"
