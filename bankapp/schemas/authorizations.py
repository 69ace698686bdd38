"""Wire shapes of card authorizations."""

from __future__ import annotations

from marshmallow import fields

from bankapp.models.authorization import STATUSES
from bankapp.schemas.base import Amount, BaseSchema, Choice, CurrencyCode, Identifier, Money, Timestamp
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import FreeText


class NewAuthorization(BaseSchema):
    """An amount to hold for a merchant."""

    amount = Amount(required=True)
    currency = CurrencyCode(required=True)
    merchant = FreeText(max_length=140, required=True, metadata={"example": "Corner Bookshop"})


class Capture(BaseSchema):
    """How much of the hold to take; without it, all. The rest is released."""

    body_required = False

    # Null is not "all": a client that lost the amount must not take everything.
    amount = Amount(allow_none=False)


class Authorization(BaseSchema):
    """A hold on an account, and what became of it. ``decline_reason`` is an error's code or the card's state."""

    id = Identifier()
    card_id = Identifier()
    account_id = Identifier()
    amount = Amount()
    captured_amount = Money(example=0)
    currency = CurrencyCode()
    merchant = fields.String(metadata={"example": "Corner Bookshop"})
    status = Choice("AuthorizationStatus", *STATUSES, attribute="effective_status")
    decline_reason = fields.String(allow_none=True, metadata={"example": None})
    expires_at = Timestamp(allow_none=True)
    created_at = Timestamp()
    finished_at = Timestamp(allow_none=True, attribute="effective_finished_at")


class AuthorizationQuery(PageQuery):
    """The list of authorizations, of one card or of all."""

    card_id = Identifier(load_default=None)
