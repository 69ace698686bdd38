"""Wire shapes of saved payees."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from bankapp.schemas.accounts import EXAMPLE_IBAN
from bankapp.schemas.auth import current_password, one_time_password
from bankapp.schemas.base import BaseSchema, Identifier, Timestamp
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import FreeText
from bankapp.schemas.transfers import Iban

MAX_NAME_LENGTH = 140
"""As long as a name in a payment message of ISO 20022 (Max140Text)."""


def payee_name(**kwargs: Any) -> FreeText:
    """Return the field for the name of a payee."""
    return FreeText(max_length=MAX_NAME_LENGTH, metadata={"example": "Grace Hopper"}, **kwargs)


def _nickname(**kwargs: Any) -> FreeText:
    return FreeText(max_length=80, allow_none=True, metadata={"example": "Landlady"}, **kwargs)


class NewPayee(BaseSchema):
    """A payee to save."""

    name = payee_name(required=True)
    account_number = Iban(required=True, metadata={"example": EXAMPLE_IBAN})
    nickname = _nickname(load_default=None)


class PayeeChange(BaseSchema):
    """Changes of a payee. Another account is another payee."""

    name = payee_name()
    nickname = _nickname()


class PayeeTrust(BaseSchema):
    """The proof that the user is asking."""

    password = current_password()
    otp = one_time_password(load_default=None, allow_none=True)


class Payee(BaseSchema):
    """A saved payee. ``last_paid_at`` is your last transfer to the account, from any of your accounts."""

    id = Identifier()
    name = fields.String(metadata={"example": "Grace Hopper"})
    account_number = fields.String(metadata={"example": EXAMPLE_IBAN})
    nickname = fields.String(allow_none=True, metadata={"example": "Landlady"})
    trusted = fields.Boolean(metadata={"example": False})
    last_paid_at = Timestamp(allow_none=True)
    created_at = Timestamp()


class PayeeQuery(PageQuery):
    """The list of payees."""
