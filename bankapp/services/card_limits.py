"""Card limits, set by the card's owner: an amount for one authorization and an amount for one day (UTC)."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from bankapp import clock, errors
from bankapp.models import CardLimitsRecord, CardRecord
from bankapp.repositories import authorizations
from bankapp.services import cards


def get(card_id: str) -> CardLimitsRecord:
    """Return the limits of a card the caller may see. Raises NotFound."""
    return _limits(cards.get(card_id), clock.now())


def change(card_id: str, per_authorization: int | None, per_day: int | None) -> CardLimitsRecord:
    """Set the limits of the caller's own card in minor units; None removes a limit.

    Raises NotFound, or StateConflict for a terminated card.
    """

    def new_limits(card: CardRecord) -> dict[str, Any]:
        if card.status == "terminated":
            raise errors.StateConflict("The card is terminated.")
        return {"limit_per_authorization": per_authorization, "limit_per_day": per_day}

    facts = {"per_authorization": per_authorization, "per_day": per_day}
    return cards.change(card_id, "limits", new_limits, lambda card: _limits(card, clock.now()), facts)


def check(card: CardRecord, amount: int, now: datetime) -> None:
    """Refuse an amount (minor units) above the card's limits. Raises LimitExceeded with the limit and its use.

    The card and its account must be locked: otherwise two authorizations could use the same rest of a limit.
    """
    limit = card.limit_per_authorization
    if limit is not None and amount > limit:
        detail = "The amount is above the card's limit for one authorization."
        raise errors.LimitExceeded(detail, extra=_limit_members(card, "per_authorization", limit))
    limit = card.limit_per_day
    if limit is None:
        return
    limits = _limits(card, now)
    if limits.used_today + amount > limit:
        detail = "The amount is above the rest of the card's limit for today (UTC)."
        resets_at = clock.to_text(limits.resets_at)
        raise errors.LimitExceeded(detail, extra=_limit_members(card, "per_day", limit, limits.used_today, resets_at))


def _limit_members(
    card: CardRecord, limit_type: str, limit: int, used: int = 0, resets_at: str | None = None
) -> dict[str, Any]:
    currency = card.currency
    return {"limit_type": limit_type, "limit": limit, "used": used, "currency": currency, "resets_at": resets_at}


def _limits(card: CardRecord, now: datetime) -> CardLimitsRecord:
    midnight = datetime.combine(now.date(), time.min, now.tzinfo)
    return CardLimitsRecord(
        card_id=card.id,
        user_id=card.user_id,
        currency=card.currency,
        per_authorization=card.limit_per_authorization,
        per_day=card.limit_per_day,
        used_today=authorizations.used_since(card.id, midnight, now),
        resets_at=midnight + timedelta(days=1),
    )
