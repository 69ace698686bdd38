"""Wire shapes of the verification of payee."""

from __future__ import annotations

from marshmallow import fields

from bankapp.schemas.accounts import EXAMPLE_IBAN
from bankapp.schemas.base import BaseSchema, Choice, Identifier
from bankapp.schemas.payees import payee_name
from bankapp.schemas.transfers import Iban
from bankapp.services.payee_verifications import RESULTS


class NewPayeeVerification(BaseSchema):
    """A name, and the account that should be theirs."""

    name = payee_name(required=True)
    account_number = Iban(required=True, metadata={"example": EXAMPLE_IBAN})


class PayeeVerification(BaseSchema):
    """Whether the name is that of the account's holder. ``name`` is the holder's, for a close match only."""

    id = Identifier()
    result = Choice("PayeeVerificationResult", *RESULTS, metadata={"example": "close_match"})
    name = fields.String(allow_none=True, metadata={"example": "Grace Hopper"})
