"""Wire shapes of cards."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from bankapp.models.card import STATUSES, TYPES
from bankapp.schemas.base import Amount, BaseSchema, Choice, CurrencyCode, Day, Identifier, Money, Timestamp
from bankapp.schemas.pagination import PageQuery


class NewCard(BaseSchema):
    """A card to issue."""

    account_id = Identifier(required=True)
    type = Choice("CardType", *TYPES, required=True)


class Card(BaseSchema):
    """A card; ``expires`` is the last day it works."""

    id = Identifier()
    account_id = Identifier()
    type = Choice("CardType", *TYPES)
    last4 = fields.String(metadata={"example": "1881"})
    status = Choice("CardStatus", *STATUSES)
    expires = Day(example="2030-11-30")
    created_at = Timestamp()


class IssuedCard(Card):
    """A card just issued. ``pan`` is its number, shown in this answer only; a replay has null."""

    pan = fields.String(allow_none=True, metadata={"example": "4000000000001885"})

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Read the number beside the card, everything else from it."""
        return super().get_attribute(obj if attr == "pan" else obj.card, attr, default)


class CardQuery(PageQuery):
    """The list of cards, of one account or of all."""

    account_id = Identifier(load_default=None)


class NewCardLimits(BaseSchema):
    """How much a card may spend in one authorization and in one day (UTC); null takes a limit away."""

    per_authorization = Amount(required=True, allow_none=True, metadata={"example": 50000})
    per_day = Amount(required=True, allow_none=True, metadata={"example": 100000})


class CardLimits(NewCardLimits):
    """A card's limits, and what is used of the day's until it begins anew."""

    card_id = Identifier()
    currency = CurrencyCode()
    used_today = Money(example=12000)
    resets_at = Timestamp()
