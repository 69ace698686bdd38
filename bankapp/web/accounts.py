"""Accounts: opening one, its balance over time, its history."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from bankapp import clock, context, errors, money
from bankapp.listing import HistoryFilter, Page
from bankapp.models import Account, Transaction
from bankapp.models.account import CUSTOMER_TYPES
from bankapp.models.transaction import DIRECTIONS
from bankapp.schemas.base import BaseSchema, Day
from bankapp.schemas.transactions import TransactionQuery
from bankapp.services import account_holders, accounts, statements, transactions
from bankapp.web import amounts, chart
from bankapp.web.pages import Pages, argument, load, render

blueprint = Pages("accounts", __name__)

CHART_DAYS: Final = 90
TOTALS_DAYS: Final = 30
COMMON_CURRENCIES: Final = ("EUR", "USD", "GBP", "CHF", "JPY")

_LIMIT: Final = "15"

_Days: Final = BaseSchema.from_dict({"from": Day(), "to": Day()})


@blueprint.page("/accounts/new")
def new_account() -> str:
    """Answer the form that opens an account."""
    rest = [currency for code, currency in money.currencies().items() if code not in COMMON_CURRENCIES]
    common = [money.currencies()[code] for code in COMMON_CURRENCIES]
    holder = account_holders.of_caller()
    return render("account_new", types=CUSTOMER_TYPES, common=common, rest=rest, holder=holder)


@blueprint.page("/accounts/<id:account_id>")
def account(account_id: str) -> str:
    """Answer an account: balance, line of the last 90 days, first page of the history."""
    found = accounts.get(account_id)
    today = clock.now().date()
    first = max(today - timedelta(days=CHART_DAYS - 1), found.created_at.date())
    balances = transactions.daily_balances(account_id, first, today)
    with statements.opened(account_id, today - timedelta(days=TOTALS_DAYS - 1), today) as recent:
        credits, debits = recent.total_credits, recent.total_debits
    return render(
        "account",
        is_mine=_is_mine(found),
        chart=chart.of_balances(first, balances) if len(balances) > 1 else None,
        box=(chart.WIDTH, chart.HEIGHT),
        credits=credits,
        debits=debits,
        types=DIRECTIONS,
        **_history(found),
    )


@blueprint.page("/accounts/<id:account_id>/history")
def history(account_id: str) -> str:
    """Answer a page of an account's history, narrowed as the query string says."""
    return render("history", **_history(accounts.get(account_id)))


def _is_mine(found: Account) -> bool:
    return accounts.owner(found) == context.user().id


def _history(found: Account) -> dict[str, object]:
    cursor = argument("cursor")
    paging = load(TransactionQuery(), {"limit": _LIMIT} | ({"cursor": cursor} if cursor else {}))
    page: Page[Transaction] = transactions.search(found.id, _filter(found.currency), paging["window"])
    names = ("type", "from", "to", "min", "max")
    return {
        "account": found,
        "items": page.items,
        "cursor": TransactionQuery().encode(page.next_position),
        "narrowed": {name: argument(name) for name in names if argument(name)},
        # The heading of the last day shown before, so that it is not repeated.
        "last_day": argument("last_day"),
        "is_continued": bool(cursor),
    }


def _filter(currency: str) -> HistoryFilter:
    """Read the filter. Raises ValidationFailed."""
    kind = argument("type")
    if kind and kind not in DIRECTIONS:
        raise errors.ValidationFailed(errors={"type": ["Not a kind of transaction."]})
    first, last = _day("from"), _day("to")
    return HistoryFilter(
        type=kind or None,
        start=datetime.combine(first, time.min, UTC) if first else None,
        end=datetime.combine(last, time.max, UTC) if last else None,
        min_amount=_amount("min", currency),
        max_amount=_amount("max", currency),
    )


def _day(name: str) -> date | None:
    text = argument(name)
    if not text:
        return None
    found: date = load(_Days(), {name: text})[name]
    return found


def _amount(name: str, currency: str) -> int | None:
    text = argument(name)
    try:
        return amounts.parse(text, currency) if text else None
    except ValueError as problem:
        raise errors.ValidationFailed(errors={name: [str(problem)]}) from None
