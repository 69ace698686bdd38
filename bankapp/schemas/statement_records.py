"""Wire shapes of the monthly statements that are kept as records."""

from __future__ import annotations

from marshmallow import fields

from bankapp.schemas.base import BaseSchema, Choice, Day, Identifier, Money, QuerySchema, Timestamp
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.statements import Statement
from bankapp.statement_formats import FORMATS


class StatementRecordQuery(PageQuery):
    """The monthly statements of one account."""


class StatementRecordFormat(QuerySchema):
    """How a monthly statement is written; `Accept` works, too."""

    format = Choice("StatementFormat", "json", *FORMATS, load_default=None)


class StatementRecord(BaseSchema):
    """A monthly statement. `number` counts the statements of the account from 1 without a gap."""

    id = Identifier()
    account_id = Identifier()
    number = fields.Integer(metadata={"example": 3})
    from_date = Day(data_key="from", example="2026-11-01")
    to_date = Day(data_key="to", example="2026-11-30")
    opening_balance = Money(example=0)
    closing_balance = Money()
    entry_count = fields.Integer(metadata={"example": 12})
    content_hash = fields.String(
        metadata={
            "description": "SHA-256 of what the statement says, in hexadecimal digits.",
            "pattern": "^[0-9a-f]{64}$",
            "example": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        }
    )
    created_at = Timestamp()


class NumberedStatement(Statement):
    """A monthly statement with its entries, oldest first: opening balance + entries = closing balance."""

    number = fields.Integer(metadata={"example": 3})
    created_at = Timestamp(attribute="generated_at")
