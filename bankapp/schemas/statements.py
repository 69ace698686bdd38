"""Wire shapes of statements."""

from __future__ import annotations

from marshmallow import fields

from bankapp.models.account import CUSTOMER_TYPES
from bankapp.schemas.accounts import EXAMPLE_IBAN
from bankapp.schemas.base import BaseSchema, Choice, CurrencyCode, Day, Identifier, Money, QuerySchema
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.transactions import Transaction
from bankapp.statement_formats import FORMATS


class StatementDays(QuerySchema):
    """The days a statement covers (UTC, both included)."""

    start = Day(data_key="from", load_default=None, example="2026-11-01")
    end = Day(data_key="to", load_default=None)


class StatementQuery(StatementDays):
    """The days of a statement and its format; `Accept` works, too."""

    format = Choice("StatementFormat", "json", *FORMATS, load_default=None)


class StatementAccount(BaseSchema):
    """The account a statement is of."""

    id = Identifier()
    number = fields.String(metadata={"example": EXAMPLE_IBAN})
    type = Choice("AccountType", *CUSTOMER_TYPES)
    currency = CurrencyCode()
    holder_name = fields.String(metadata={"example": "Ada Lovelace"})


class Statement(BaseSchema):
    """Opening balance + entries = closing balance; the entries are oldest first."""

    account = fields.Nested(StatementAccount)
    from_date = Day(data_key="from", example="2026-11-01")
    to_date = Day(data_key="to")
    opening_balance = Money(example=0)
    closing_balance = Money()
    total_credits = Money(example=200000)
    total_debits = Money(example=50000)
    entries = fields.List(fields.Nested(Transaction))


class StatementPeriodQuery(PageQuery):
    """The months that have a statement, of one account."""

    account_id = Identifier(required=True)


class StatementPeriod(BaseSchema):
    """A month with entries; `from` and `to` are what its statement is asked for with."""

    from_date = Day(data_key="from", example="2026-11-01")
    to_date = Day(data_key="to", example="2026-11-30")
    opening_balance = Money(example=0)
    closing_balance = Money()
    entry_count = fields.Integer(metadata={"example": 12})
