"""Wire shapes of accounts and currencies."""

from __future__ import annotations

from marshmallow import fields

from bankapp.models.account import CUSTOMER_TYPES, STATUSES
from bankapp.schemas.base import BaseSchema, Choice, CurrencyCode, Identifier, Money, QuerySchema, Timestamp
from bankapp.schemas.pagination import PageQuery

EXAMPLE_IBAN = "DE78500105175415330117"


class NewAccount(BaseSchema):
    """An account to open."""

    type = Choice("AccountType", *CUSTOMER_TYPES, required=True)
    currency = CurrencyCode(required=True)


class Account(BaseSchema):
    """An account; ``number`` is an IBAN (ISO 13616)."""

    id = Identifier()
    number = fields.String(metadata={"example": EXAMPLE_IBAN})
    type = Choice("AccountType", *CUSTOMER_TYPES)
    currency = CurrencyCode()
    balance = Money()
    available_balance = Money(example=138000)
    status = Choice("AccountStatus", *STATUSES)
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
