"""Cards: issuing, reading, blocking. The number exists only in the answer that issues it."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final

from stdnum import luhn

from bankapp import clock, context, errors, ids
from bankapp.listing import Page, Window
from bankapp.models import Card
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import cards
from bankapp.services import access, accounts, audit
from bankapp.services.audit import Attempt

PAN_DIGITS: Final = 16
VALID_YEARS: Final = 4


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A card just issued, with the number that nobody will see again."""

    card: Card
    pan: str | None = field(repr=False)


def issue(account_id: str, type: str) -> IssuedCard:
    """Issue a card on the caller's active account. Raises NotFound or AccountNotActive."""
    attempt = Attempt("card_issue", "card", metadata={"account_id": account_id, "type": type})

    def work() -> IssuedCard:
        account = account_rows.lock(account_id)
        access.own(account.user_id if account else None, "account")
        assert account is not None
        if account.status != "active":
            raise errors.AccountNotActive(f"The account is {account.status}.")
        pan = _pan(context.config().card_bin)
        now = clock.now()
        card = Card(
            id=ids.new(),
            account_id=account_id,
            type=type,
            last4=pan[-4:],
            status="active",
            expires=_expiry(now),
            created_at=now,
        )
        cards.add(card)
        attempt.resource_id = card.id
        return IssuedCard(card, pan)

    return audit.perform(attempt, work)


def get(card_id: str) -> Card:
    """Return a card the caller may see. Raises NotFound."""
    card = cards.get(card_id)
    access.read(owner(card), "card", card_id)
    assert card is not None
    return card


def owner(card: Card | None) -> str | None:
    """Return the id of the user on whose account ``card`` is."""
    return card.account.user_id if card else None


def search(account_id: str | None, window: Window) -> Page[Card]:
    """Return the cards of one account, or of all the caller may see. Raises NotFound for a foreign account."""
    if account_id is not None:
        return cards.search(None, accounts.get(account_id).id, window)
    return cards.search(access.listing("card"), None, window)


def block(card_id: str) -> Card:
    """Block an active card. Raises NotFound or StateConflict."""
    return change(card_id, "block", lambda card: _move(card, "active", "blocked"))


def unblock(card_id: str) -> Card:
    """Unblock a blocked card. Raises NotFound or StateConflict."""
    return change(card_id, "unblock", lambda card: _move(card, "blocked", "active"))


def terminate(card_id: str) -> Card:
    """End a card for good. Raises NotFound or StateConflict."""

    def end(card: Card) -> None:
        if card.status == "terminated":
            raise errors.StateConflict("The card is terminated already.")
        card.status = "terminated"

    return change(card_id, "terminate", end)


def _move(card: Card, before: str, after: str) -> None:
    if card.status != before:
        raise errors.StateConflict(f"The card is {card.status}, not {before}.")
    card.status = after


def change(card_id: str, what: str, apply: Callable[[Card], None], metadata: dict[str, Any] | None = None) -> Card:
    """Change one's own card by ``apply``, on record as ``what``. Raises NotFound and what ``apply`` raises."""
    attempt = Attempt("card_change", "card", card_id, {"change": what} | (metadata or {}))

    def work() -> Card:
        card = cards.lock(card_id)
        access.own(owner(card), "card")
        assert card is not None
        apply(card)
        return card

    return audit.perform(attempt, work)


def _pan(issuer: str) -> str:
    payload = issuer + ids.digits(PAN_DIGITS - len(issuer) - 1)
    return payload + str(luhn.calc_check_digit(payload))


def _expiry(now: datetime) -> date:
    year = now.year + VALID_YEARS
    return date(year, now.month, calendar.monthrange(year, now.month)[1])
