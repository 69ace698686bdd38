"""Wire shapes of transactions."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, post_load, validate

from bankapp import money
from bankapp.listing import HistoryFilter
from bankapp.models.transaction import DIRECTIONS
from bankapp.schemas.accounts import EXAMPLE_IBAN
from bankapp.schemas.base import (
    Amount,
    BaseSchema,
    Choice,
    CurrencyCode,
    Identifier,
    Money,
    QueryInteger,
    Timestamp,
)
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import PaymentIdentifier, description
from bankapp.schemas.transaction_annotations import Remarks


class Counterparty(BaseSchema):
    """The other side of a movement, as it was when the money moved."""

    name = fields.String(
        metadata={
            "description": "The name of the account holder or merchant, or `Cash`.",
            "example": "Grace Hopper",
        }
    )
    account_number = fields.String(
        allow_none=True,
        metadata={"description": "An IBAN; null for a merchant and for cash.", "example": EXAMPLE_IBAN},
    )


class NewTransaction(BaseSchema):
    """A deposit or withdrawal."""

    account_id = Identifier(required=True)
    type = Choice("NewTransactionType", "deposit", "withdrawal", required=True)
    amount = Amount(required=True)
    currency = CurrencyCode(required=True)
    description = description()
    reference = PaymentIdentifier("INV-2026-0117", load_default=None)
    end_to_end_id = PaymentIdentifier("E2E-2026-0117", load_default=None)


class Transaction(BaseSchema):
    """One line of an account's history; ``balance_after`` continues the one before."""

    id = Identifier()
    account_id = Identifier()
    type = Choice("TransactionType", *DIRECTIONS)
    amount = Amount()
    currency = CurrencyCode()
    balance_after = Money()
    description = fields.String(allow_none=True, metadata={"example": "Rent November"})
    counterparty = fields.Nested(Counterparty, allow_none=True)
    reference = PaymentIdentifier("INV-2026-0117")
    end_to_end_id = PaymentIdentifier("E2E-2026-0117")
    transfer_id = Identifier(allow_none=True, metadata={"example": None})
    created_at = Timestamp()


class AnnotatedTransaction(Transaction):
    """A transaction as its owner reads it. For everybody else ``annotation`` is null."""

    annotation = fields.Nested(Remarks, allow_none=True)


class TransactionQuery(PageQuery):
    """How a history is narrowed; both ends of a span are included."""

    account_id = Identifier(load_default=None)
    type = Choice("TransactionType", *DIRECTIONS, load_default=None)
    start = Timestamp(data_key="from", load_default=None)
    end = Timestamp(data_key="to", load_default=None)
    min_amount = QueryInteger(
        load_default=None, validate=validate.Range(0, money.MAX_AMOUNT), metadata={"example": 100}
    )
    max_amount = QueryInteger(
        load_default=None, validate=validate.Range(0, money.MAX_AMOUNT), metadata={"example": 5000}
    )

    @post_load
    def make_filter(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Gather what narrows the history into the filter that repositories take."""
        names = ("type", "start", "end", "min_amount", "max_amount")
        return data | {"narrowed": HistoryFilter(**{name: data.pop(name) for name in names})}
