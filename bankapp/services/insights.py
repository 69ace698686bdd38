"""Insights: what the caller spent and received in one currency, by group.

Transfers between the caller's own accounts are left out. A reversal takes from the sum that the reversed transaction
is in. Amounts are minor units. Over the accounts of the currency, the totals of statements for the same days are:

- total_debits = debits + own_transfers_out + reversals
- total_credits = credits + own_transfers_in + reversals
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Final

from bankapp import context
from bankapp.listing import GroupBy
from bankapp.models.transaction import CREDIT, DEBIT
from bankapp.repositories import accounts, insights
from bankapp.repositories.insights import Month, Span, Sum
from bankapp.services import access, category_rules, statements

MAX_GROUPS: Final = 100
"""How many counterparties an answer names. The smaller ones are in the group without a key."""


@dataclass(frozen=True, slots=True)
class Spending:
    """What was spent in a group: debits without their reversals. ``count`` does not count reversals."""

    key: str | None
    amount: int
    count: int


@dataclass(frozen=True, slots=True)
class SpendingReport:
    """What was spent from ``from_date`` to ``to_date``, both included."""

    from_date: date
    to_date: date
    currency: str
    group_by: GroupBy
    total: int
    own_transfers_out: int
    reversals: int
    items: Sequence[Spending]


@dataclass(frozen=True, slots=True)
class CashFlow:
    """What came in and went out in a group, each without its reversals."""

    key: str | None
    credits: int
    debits: int

    @property
    def net(self) -> int:
        """Credits less debits."""
        return self.credits - self.debits


@dataclass(frozen=True, slots=True)
class CashFlowReport:
    """What came in and went out from ``from_date`` to ``to_date``, both included."""

    from_date: date
    to_date: date
    currency: str
    group_by: GroupBy
    credits: int
    debits: int
    own_transfers_in: int
    own_transfers_out: int
    reversals: int
    items: Sequence[CashFlow]

    @property
    def net(self) -> int:
        """Credits less debits."""
        return self.credits - self.debits


@dataclass(slots=True)
class _Group:
    credits: int = 0
    debits: int = 0
    debit_count: int = 0
    has_debits: bool = False


@dataclass(slots=True)
class _Totals:
    groups: dict[str | None, _Group] = field(default_factory=dict)
    own: dict[int, int] = field(default_factory=lambda: {CREDIT: 0, DEBIT: 0})
    reversals: int = 0


def spending(start: date, end: date, currency: str, group_by: GroupBy, zone: tzinfo = UTC) -> SpendingReport:
    """Return what the caller spent, largest group first, months in their order.

    ``start`` and ``end`` are days of ``zone``, both included. Raises ValidationFailed as :func:`statements.period`,
    and Unavailable as :func:`category_rules.make_ready`.
    """
    totals = _totals(start, end, currency, group_by, zone)
    groups = [
        Spending(key, group.debits, group.debit_count) for key, group in totals.groups.items() if group.has_debits
    ]
    items = _ordered(groups, group_by)
    total = sum(item.amount for item in items)
    return SpendingReport(start, end, currency, group_by, total, totals.own[DEBIT], totals.reversals, items)


def cash_flow(start: date, end: date, currency: str, group_by: GroupBy, zone: tzinfo = UTC) -> CashFlowReport:
    """Return what the caller received and spent by month or account, in their order. Else as :func:`spending`."""
    totals = _totals(start, end, currency, group_by, zone)
    items = [CashFlow(key, group.credits, group.debits) for key, group in sorted(totals.groups.items(), key=str)]
    return CashFlowReport(
        start,
        end,
        currency,
        group_by,
        credits=sum(item.credits for item in items),
        debits=sum(item.debits for item in items),
        own_transfers_in=totals.own[CREDIT],
        own_transfers_out=totals.own[DEBIT],
        reversals=totals.reversals,
        items=items,
    )


def _totals(start: date, end: date, currency: str, group_by: GroupBy, zone: tzinfo) -> _Totals:
    first, last = statements.period(start, end, "An insight")
    caller = context.user()
    own = accounts.of_user(caller.id)
    account_ids = [one.id for one in own if one.currency == currency and access.is_own(caller.id, one.id)]
    by = category_rules.of_caller()
    if group_by == "category":
        category_rules.make_ready(by, account_ids)
    begin, after = (_moment(day, zone) for day in (first, last + timedelta(days=1)))
    totals = _Totals()
    for found in insights.sums(by, Span(account_ids, begin, after), group_by, _months(first, last, zone)):
        _add(totals, found)
    return totals


def _add(totals: _Totals, found: Sum) -> None:
    if found.is_own:
        totals.own[found.direction] += found.amount
        return
    group = totals.groups.setdefault(found.key, _Group())
    # The reversal of a debit is a credit.
    side = -found.direction if found.is_reversal else found.direction
    amount = -found.amount if found.is_reversal else found.amount
    totals.reversals += found.amount if found.is_reversal else 0
    if side == CREDIT:
        group.credits += amount
    else:
        group.debits += amount
        group.debit_count += 0 if found.is_reversal else found.entries
        group.has_debits = True


def _ordered(groups: Sequence[Spending], group_by: GroupBy) -> list[Spending]:
    if group_by == "month":
        return sorted(groups, key=lambda group: str(group.key))
    largest = sorted(groups, key=lambda group: (-group.amount, group.key is None, group.key or ""))
    if group_by != "counterparty":
        return largest
    named = [group for group in largest if group.key is not None]
    rest = named[MAX_GROUPS:] + [group for group in largest if group.key is None]
    if not rest:
        return named
    unnamed = Spending(None, sum(group.amount for group in rest), sum(group.count for group in rest))
    return [*named[:MAX_GROUPS], unnamed]


def _months(first: date, last: date, zone: tzinfo) -> list[Month]:
    """Return the months that the days from ``first`` to ``last`` are in."""
    months: list[Month] = []
    for number in range(first.year * 12 + first.month - 1, last.year * 12 + last.month):
        year, month = divmod(number, 12)
        months.append((f"{year:04}-{month + 1:02}", _moment(date(year, month + 1, 1), zone)))
    return months


def _moment(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time.min, zone).astimezone(UTC)
