"""Insights: what the user spent this month and the last by category, and the money in and out of each month."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final
from urllib.parse import urlencode

from bankapp import clock, context, errors
from bankapp.models import AccountRecord
from bankapp.services import accounts, insights
from bankapp.web import zones
from bankapp.web.pages import Pages, argument, render

blueprint = Pages("insights", __name__)

MONTHS: Final = 6

BAR_WIDTH: Final = 100
"""The width of the drawing that a bar is in."""


@dataclass(frozen=True, slots=True)
class Bar:
    """An amount (minor units), the address of its movements, and the width of its bar.

    The largest amount of a chart has BAR_WIDTH.
    """

    amount: int
    address: str
    width: float


@dataclass(frozen=True, slots=True)
class Category:
    """What was spent in a category this month and in the last."""

    name: str
    now: Bar
    before: Bar


@dataclass(frozen=True, slots=True)
class Month:
    """The money in and out of a month, the days of it that have begun, and the address of its movements."""

    first: date
    last: date
    address: str
    credits: Bar
    debits: Bar


@blueprint.page("/insights")
def page() -> str:
    """Return the insights in one currency: the chosen one, else the one with the most accounts.

    Months are those of the viewer's time zone, as on the page of movements that the bars open.
    """
    own = accounts.of_user(context.user().id)
    currencies = _currencies(own)
    if not currencies:
        return render("insights", currencies=[])
    currency = argument("currency") or currencies[0]
    if currency not in currencies:
        raise errors.NotFound("You have no account in this currency.")
    of_currency = [account for account in own if account.currency == currency]
    # Movements are filtered by account, not by currency.
    account_id = of_currency[0].id if len(of_currency) == 1 else None
    months = _months(currency, account_id)
    return render(
        "insights",
        currencies=currencies,
        currency=currency,
        months=months[::-1],
        this_month=months[-1],
        last_month=months[-2],
        categories=_categories(months[-1], months[-2], currency),
        width=BAR_WIDTH,
    )


def _currencies(own: Sequence[AccountRecord]) -> list[str]:
    found = [account.currency for account in own]
    return sorted(set(found), key=lambda code: (-found.count(code), code))


def _months(currency: str, account_id: str | None) -> list[Month]:
    """Return the last months with this one, oldest first."""
    today = zones.local(clock.now()).date()
    firsts = [today.replace(day=1)]
    while len(firsts) < MONTHS:
        firsts.insert(0, (firsts[0] - timedelta(days=1)).replace(day=1))
    report = insights.cash_flow(firsts[0], today, currency, "month", zones.zone())
    sums = {item.key: (item.credits, item.debits) for item in report.items}
    filters = {"account": account_id} if account_id else {}
    months = []
    for first in firsts:
        last = min(today, first.replace(day=calendar.monthrange(first.year, first.month)[1]))
        days = {"from": first.isoformat(), "to": last.isoformat()}
        months.append((first, last, f"/app/movements?{urlencode(filters | days)}"))
    pairs = [(amount, address) for first, _, address in months for amount in sums.get(f"{first:%Y-%m}", (0, 0))]
    bars = iter(_bars(pairs))
    return [Month(*month, next(bars), next(bars)) for month in months]


def _categories(now: Month, before: Month, currency: str) -> list[Category]:
    """Return the categories of both months, what this month spent most on first."""
    spent = [_spent(month, currency) for month in (now, before)]
    names = sorted(spent[0] | spent[1], key=lambda name: (*(-month.get(name, 0) for month in spent), name))
    pairs = [
        (amounts.get(name, 0), f"{month.address}&category={name}")
        for name in names
        for month, amounts in zip((now, before), spent, strict=True)
    ]
    bars = iter(_bars(pairs))
    return [Category(name, next(bars), next(bars)) for name in names]


def _spent(month: Month, currency: str) -> dict[str, int]:
    report = insights.spending(month.first, month.last, currency, "category", zones.zone())
    return {str(item.key): item.amount for item in report.items}


def _bars(pairs: Sequence[tuple[int, str]]) -> list[Bar]:
    """Return the bars of a chart from amounts and addresses."""
    largest = max((amount for amount, _ in pairs), default=0)
    return [Bar(amount, address, round(BAR_WIDTH * max(amount, 0) / max(largest, 1), 1)) for amount, address in pairs]
