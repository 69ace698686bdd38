"""Accounts: the form that opens one, its balance over time, its history."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import url_for

from bankapp import clock, context, money
from bankapp.models import AccountRecord
from bankapp.models.account import CUSTOMER_TYPES
from bankapp.services import account_holders, accounts, statements, transactions
from bankapp.web import chart, histories
from bankapp.web.pages import Pages, render

blueprint = Pages("accounts", __name__)

CHART_DAYS: Final = 90
TOTALS_DAYS: Final = 30
COMMON_CURRENCIES: Final = ("EUR", "USD", "GBP", "CHF", "JPY")


@blueprint.page("/accounts/new")
def new_account() -> str:
    """Return the form that opens an account."""
    rest = [currency for code, currency in money.currencies().items() if code not in COMMON_CURRENCIES]
    common = [money.currencies()[code] for code in COMMON_CURRENCIES]
    holder = account_holders.of_caller()
    return render("account_new", types=CUSTOMER_TYPES, common=common, rest=rest, holder=holder)


@blueprint.page("/accounts/<id:account_id>")
def account(account_id: str) -> str:
    """Return an account: its balance, the chart of the last 90 days, the first page of its history."""
    shown = accounts.get(account_id)
    today = clock.now().date()
    first = max(today - timedelta(days=CHART_DAYS - 1), shown.created_at.date())
    balances = transactions.daily_balances(account_id, first, today)
    with statements.opened(account_id, today - timedelta(days=TOTALS_DAYS - 1), today) as recent:
        credits, debits = recent.total_credits, recent.total_debits
    places = _open_accounts() if shown.user_id == context.user().id else []
    is_first = bool(places) and places[0].id == account_id
    return render(
        "account",
        is_first=is_first,
        moves_to_first=None if is_first or len(places) < 2 else _moves_to_first(shown, places),
        chart=chart.of_balances(first, balances) if len(balances) > 1 else None,
        box=(chart.WIDTH, chart.HEIGHT),
        credits=credits,
        debits=debits,
        types=histories.TYPES,
        **_history(shown),
    )


@blueprint.page("/accounts/<id:account_id>/history")
def history(account_id: str) -> str:
    """Return a page of an account's history, filtered by the query string."""
    return render("history", **_history(accounts.get(account_id)))


def _open_accounts() -> list[AccountRecord]:
    return [account for account in accounts.of_user(context.user().id) if account.status != "closed"]


def _moves_to_first(account: AccountRecord, places: list[AccountRecord]) -> list[tuple[str, int]]:
    """Return the other accounts that must move before ``account`` gets position 0, with their new positions.

    The last comes first: the order of the accounts stays the same after each move.
    """
    moves: list[tuple[str, int]] = []
    taken = 0
    for other in places:
        if other.id == account.id:
            continue
        if other.position is None or other.position > taken:
            break
        taken += 1
        moves.append((other.id, taken))
    return moves[::-1]


def _history(account: AccountRecord) -> dict[str, object]:
    return {
        "account": account,
        "is_mine": account.user_id == context.user().id,
        "place": url_for(".history", account_id=account.id),
        **histories.shown(f"/app/accounts/{account.id}", [account], account.id),
    }
