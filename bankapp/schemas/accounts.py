"""Wire shapes of accounts and currencies."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from bankapp.models.account import CUSTOMER_TYPES, STATUSES
from bankapp.schemas.base import BaseSchema, Choice, CurrencyCode, Identifier, Money, QuerySchema, Timestamp
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import FreeText

EXAMPLE_IBAN = "DE78500105175415330117"


MAX_POSITION = 999


def _name(**kwargs: Any) -> FreeText:
    description = "What the owner calls the account."
    metadata = {"example": "Holidays", "description": description}
    return FreeText(max_length=80, allow_none=True, metadata=metadata, **kwargs)


class NewAccount(BaseSchema):
    """An account to open."""

    type = Choice("AccountType", *CUSTOMER_TYPES, required=True)
    currency = CurrencyCode(required=True)
    name = _name(load_default=None)


class AccountChange(BaseSchema):
    """What of an account is to change; null takes the name or the place away."""

    name = _name()
    position = fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(0, MAX_POSITION),
        metadata={
            "example": 0,
            "description": "The place among your accounts, the lowest first. Pages offer the first account by default.",
        },
    )


class Account(BaseSchema):
    """An account; ``number`` is an IBAN (ISO 13616)."""

    id = Identifier()
    number = fields.String(metadata={"example": EXAMPLE_IBAN})
    type = Choice("AccountType", *CUSTOMER_TYPES)
    currency = CurrencyCode()
    balance = Money()
    available_balance = Money(example=138000)
    status = Choice("AccountStatus", *STATUSES)
    name = fields.String(allow_none=True, metadata={"example": "Holidays"})
    position = fields.Integer(allow_none=True, metadata={"example": 0})
    created_at = Timestamp()


class AccountQuery(PageQuery):
    """The list of accounts."""


class BalanceQuery(QuerySchema):
    """The time a balance is asked for; default: now."""

    at = Timestamp(load_default=None)


class Balance(BaseSchema):
    """What an account held at a time."""

    account_id = Identifier()
    balance = Money()
    at = Timestamp()


class Currency(BaseSchema):
    """A currency, and how many decimal digits it has (ISO 4217)."""

    code = CurrencyCode()
    name = fields.String(metadata={"example": "Euro"})
    exponent = fields.Integer(metadata={"example": 2})


class CurrencyQuery(PageQuery):
    """The list of currencies."""
