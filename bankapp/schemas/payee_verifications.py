"""Wire shapes of the verification of payee."""

from __future__ import annotations

from typing import Final

from marshmallow import fields

from bankapp.schemas.accounts import EXAMPLE_IBAN
from bankapp.schemas.base import BaseSchema, Choice, Identifier, Timestamp
from bankapp.schemas.payees import payee_name
from bankapp.schemas.transfers import Iban, VerificationToken
from bankapp.services.payee_verifications import RESULTS

EXAMPLE_TOKEN: Final = "K7gNU3sdo-OL0wNhqoVWhr3g6s1xYv72ol_pe_Unols"  # noqa: S105 - an example in the documentation


class NewPayeeVerification(BaseSchema):
    """A name, and the account that should be theirs."""

    name = payee_name(required=True)
    account_number = Iban(required=True, metadata={"example": EXAMPLE_IBAN})


class PayeeVerification(BaseSchema):
    """Whether the name is that of the account's holder. ``name`` is the holder's, for a close match only.

    A transfer names ``token`` as its ``payee_verification_token`` until ``expires_at``.
    """

    id = Identifier()
    result = Choice("PayeeVerificationResult", *RESULTS, metadata={"example": "close_match"})
    name = fields.String(allow_none=True, metadata={"example": "Grace Hopper"})
    token = VerificationToken(metadata={"example": EXAMPLE_TOKEN})
    expires_at = Timestamp()
