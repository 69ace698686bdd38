"""Insights: spending and cash flow."""

from __future__ import annotations

from datetime import date

from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.listing import GroupBy
from bankapp.schemas import insights as schemas
from bankapp.services import insights
from bankapp.services.insights import CashFlowReport, SpendingReport

blueprint = Blueprint("insights", __name__, "Your spending and cash flow")


@blueprint.operation(
    Operation(
        "GET",
        "/insights/spending",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_READ,
        query=schemas.SpendingQuery,
        answer=schemas.Spending,
    )
)
def read_spending(start: date, end: date, currency: str, group_by: GroupBy) -> SpendingReport:
    """Read your spending

    The debits of your own accounts in one currency, the largest group first. Transfers between your own accounts are
    left out. A reversal takes from the group of what it reverses, on the day of the reversal. Groups without a debit
    are left out.
    """
    return insights.spending(start, end, currency, group_by)


@blueprint.operation(
    Operation(
        "GET",
        "/insights/cash-flow",
        access=Access.USER,
        scope=Scope.TRANSACTIONS_READ,
        query=schemas.CashFlowQuery,
        answer=schemas.CashFlow,
    )
)
def read_cash_flow(start: date, end: date, currency: str, group_by: GroupBy) -> CashFlowReport:
    """Read your cash flow

    What came in and went out on your own accounts in one currency. Transfers between your own accounts are left out;
    a reversal takes from the side of what it reverses. Months and accounts without movements are left out.
    """
    return insights.cash_flow(start, end, currency, group_by)
