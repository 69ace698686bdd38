"""What the owner lets a card spend: at most so much in one authorization, and in one day (UTC)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from bankapp import clock, errors
from bankapp.models import CardRecord
from bankapp.repositories import authorizations
from bankapp.services import cards


@dataclass(frozen=True, slots=True)
class CardLimits:
    """A card's limits in minor units (None: no limit), and how much of today's is used until ``resets_at``."""

    card_id: str
    currency: str
    per_authorization: int | None
    per_day: int | None
    used_today: int
    resets_at: datetime


def get(card_id: str) -> CardLimits:
    """Return the limits of a card the caller may see. Raises NotFound."""
    return _limits(cards.get(card_id), clock.now())


def change(card_id: str, per_authorization: int | None, per_day: int | None) -> CardLimits:
    """Set the limits of one's own card, in minor units; None takes one away. Raises NotFound or StateConflict."""

    def new_limits(card: CardRecord) -> dict[str, Any]:
        if card.status == "terminated":
            raise errors.StateConflict("The card is terminated.")
        return {"limit_per_authorization": per_authorization, "limit_per_day": per_day}

    facts = {"per_authorization": per_authorization, "per_day": per_day}
    return _limits(cards.change(card_id, "limits", new_limits, facts), clock.now())


def check(card: CardRecord, amount: int, now: datetime) -> None:
    """Refuse an amount (minor units) above the card's limits. Raises LimitExceeded with the figures.

    The card and its account must be locked, so that two authorizations do not share what is left.
    """
    most = card.limit_per_authorization
    if most is not None and amount > most:
        detail = "The amount is above the card's limit for one authorization."
        raise errors.LimitExceeded(detail, extra=_figures(card, "per_authorization", most))
    most = card.limit_per_day
    if most is None:
        return
    limits = _limits(card, now)
    if limits.used_today + amount > most:
        detail = "The amount is above what is left of the card's limit for today (UTC)."
        until = clock.to_text(limits.resets_at)
        raise errors.LimitExceeded(detail, extra=_figures(card, "per_day", most, limits.used_today, until))


def _figures(card: CardRecord, which: str, limit: int, used: int = 0, resets_at: str | None = None) -> dict[str, Any]:
    currency = card.currency
    return {"limit_type": which, "limit": limit, "used": used, "currency": currency, "resets_at": resets_at}


def _limits(card: CardRecord, now: datetime) -> CardLimits:
    midnight = datetime.combine(now.date(), time.min, now.tzinfo)
    return CardLimits(
        card_id=card.id,
        currency=card.currency,
        per_authorization=card.limit_per_authorization,
        per_day=card.limit_per_day,
        used_today=authorizations.used_since(card.id, midnight, now),
        resets_at=midnight + timedelta(days=1),
    )
