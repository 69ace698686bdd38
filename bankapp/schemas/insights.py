"""Wire shapes of insights."""

from __future__ import annotations

from marshmallow import fields

from bankapp.schemas.base import BaseSchema, Choice, CurrencyCode, Day, Money, QuerySchema

_KEY = (
    "The category, the month (`2026-11`), the name of the counterparty or the id of the account. Null for"
    " counterparties without a name, and for those after the 100 largest."
)


class InsightDays(QuerySchema):
    """The days (UTC, both included, at most 366) and the currency."""

    start = Day(data_key="from", required=True, example="2026-11-01")
    end = Day(data_key="to", required=True, example="2026-11-30")
    currency = CurrencyCode(required=True)


class SpendingQuery(InsightDays):
    """What to add up, and by what."""

    group_by = Choice("SpendingGroup", "category", "month", "counterparty", "account", load_default="category")


class CashFlowQuery(InsightDays):
    """What to add up, and by what."""

    group_by = Choice("CashFlowGroup", "month", "account", load_default="month")


class SpendingItem(BaseSchema):
    """What was spent in a group. Reversals are taken off, so an amount may be negative."""

    key = fields.String(allow_none=True, metadata={"description": _KEY, "example": "groceries"})
    amount = Money(example=50000)
    count = fields.Integer(metadata={"description": "The number of debits.", "example": 12})


class Spending(BaseSchema):
    """What you spent; `total_debits` of your statements is `total` + `own_transfers_out` + `reversals`."""

    from_date = Day(data_key="from", example="2026-11-01")
    to_date = Day(data_key="to", example="2026-11-30")
    currency = CurrencyCode()
    group_by = Choice("SpendingGroup", "category", "month", "counterparty", "account")
    total = Money(example=50000)
    own_transfers_out = Money(example=0)
    reversals = Money(example=0)
    items = fields.List(fields.Nested(SpendingItem))


class CashFlowItem(BaseSchema):
    """What came in and went out in a group, without what was reversed."""

    key = fields.String(
        metadata={"description": "The month (`2026-11`) or the id of the account.", "example": "2026-11"}
    )
    credits = Money(example=200000)
    debits = Money(example=50000)
    net = Money(example=150000)


class CashFlow(BaseSchema):
    """What came in and went out.

    `total_credits` of your statements is `credits` + `own_transfers_in` + `reversals`, `total_debits` is `debits` +
    `own_transfers_out` + `reversals`.
    """

    from_date = Day(data_key="from", example="2026-11-01")
    to_date = Day(data_key="to", example="2026-11-30")
    currency = CurrencyCode()
    group_by = Choice("CashFlowGroup", "month", "account")
    credits = Money(example=200000)
    debits = Money(example=50000)
    net = Money(example=150000)
    own_transfers_in = Money(example=0)
    own_transfers_out = Money(example=0)
    reversals = Money(example=0)
    items = fields.List(fields.Nested(CashFlowItem))
