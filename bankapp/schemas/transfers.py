"""Wire shapes of transfers."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from marshmallow import ValidationError, fields, post_load, validate, validates_schema
from schwifty import IBAN

from bankapp.schemas.accounts import EXAMPLE_IBAN
from bankapp.schemas.base import (
    EXAMPLE_ID,
    Amount,
    BaseSchema,
    CurrencyCode,
    Identifier,
    StrictBoolean,
    Timestamp,
)
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import PaymentIdentifier, description
from bankapp.schemas.transactions import Counterparty
from bankapp.services.transfers import Order

MAX_BATCH_TRANSFERS: Final = 1_000

OTHER_ID = EXAMPLE_ID.replace("0193", "0194")


class Iban(fields.String):
    """An account number as IBAN (ISO 13616), checked by its check digits; spaces are allowed."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"minLength": 15, "maxLength": 50, "pattern": "^[A-Za-z]{2}[0-9]{2}[0-9A-Za-z ]+$"}
        super().__init__(metadata=metadata | kwargs.pop("metadata", {}), **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or len(value) > 50:
            raise ValidationError("Not a valid IBAN.")
        number = IBAN(value, allow_invalid=True)
        if not number.is_valid:
            raise ValidationError("Not a valid IBAN.")
        return str(number)


class VerificationToken(fields.String):
    """The proof of a verification of payee, which a transfer names."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"example": None, "minLength": 1, "maxLength": 512, "pattern": "^[A-Za-z0-9_-]+$"}
        rules = [validate.Length(1, 512), validate.Regexp("^[A-Za-z0-9_-]+\\Z")]
        super().__init__(validate=rules, metadata=metadata | kwargs.pop("metadata", {}), **kwargs)


class NewTransfer(BaseSchema):
    """A transfer to an account named by its id or its IBAN: exactly one of the two."""

    from_account_id = Identifier(required=True)
    to_account_id = Identifier(metadata={"example": OTHER_ID})
    to_account_number = Iban(metadata={"description": "Instead of `to_account_id`.", "examples": [EXAMPLE_IBAN]})
    amount = Amount(required=True)
    currency = CurrencyCode(required=True)
    description = description()
    reference = PaymentIdentifier("INV-2026-0117", load_default=None)
    end_to_end_id = PaymentIdentifier(
        "E2E-2026-0117",
        load_default=None,
        metadata={"description": "Your identifier of the payment (ISO 20022). The payee sees it, too."},
    )
    payee_verification_token = VerificationToken(load_default=None, allow_none=True)

    alternatives = MappingProxyType(
        {"NewTransferById": "to_account_id", "NewTransferByNumber": "to_account_number"},
    )

    @validates_schema
    def one_target(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse no target, and two."""
        if ("to_account_id" in data) == ("to_account_number" in data):
            raise ValidationError({"to_account_id": ["Give exactly one of to_account_id and to_account_number."]})

    @post_load
    def make_order(self, data: dict[str, Any], **_: Any) -> Order:
        """Return the order that the service takes."""
        return Order(**data)


class Transfer(BaseSchema):
    """Money from one account to another: two transactions, both or neither."""

    id = Identifier()
    from_account_id = Identifier()
    to_account_id = Identifier(metadata={"example": OTHER_ID})
    amount = Amount()
    currency = CurrencyCode()
    description = fields.String(allow_none=True, metadata={"example": "Rent November"})
    counterparty = fields.Nested(
        Counterparty,
        allow_none=True,
        metadata={"description": "The payee. For the payee of the transfer it is the payer."},
    )
    reference = PaymentIdentifier("INV-2026-0117")
    end_to_end_id = PaymentIdentifier("E2E-2026-0117")
    reverses_transfer_id = Identifier(allow_none=True, metadata={"example": None})
    reversed_by_transfer_id = Identifier(allow_none=True, dump_default=None, metadata={"example": None})
    created_at = Timestamp()


class NewBatch(BaseSchema):
    """Many transfers in one request, each on what the ones before it left behind."""

    atomic = StrictBoolean(
        load_default=True, metadata={"description": "All or none; true if left out.", "example": True}
    )
    transfers = fields.List(fields.Nested(NewTransfer), required=True, validate=validate.Length(1, MAX_BATCH_TRANSFERS))


class BatchError(BaseSchema):
    """Why a transfer of a batch was refused."""

    code = fields.String(metadata={"example": "insufficient_funds"})
    detail = fields.String(metadata={"example": "The available balance does not cover the amount."})


class BatchItem(BaseSchema):
    """What became of one transfer of a batch: it has ``transfer`` or ``error``."""

    optional = frozenset({"transfer", "error"})

    index = fields.Integer(metadata={"example": 0})
    transfer = fields.Nested(Transfer)
    error = fields.Nested(BatchError)


class Batch(BaseSchema):
    """What became of a batch, in the order of its transfers."""

    posted = fields.Integer(metadata={"example": 1})
    rejected = fields.Integer(metadata={"example": 0})
    items = fields.List(fields.Nested(BatchItem))


class TransferQuery(PageQuery):
    """The list of transfers, of one account or of all."""

    account_id = Identifier(load_default=None)
