"""Cards: issuing, reading and blocking them. The card number is only in the answer that issues the card."""

from __future__ import annotations

import calendar
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Final, TypeVar

from stdnum import luhn

from bankapp import clock, context, errors, ids
from bankapp.listing import Page, Window
from bankapp.models import CardRecord
from bankapp.repositories import cards
from bankapp.services import access, accounts, commands, events, ledger
from bankapp.services.commands import Command, Decision
from bankapp.services.events import Resource
from bankapp.services.idempotency import Claim

R = TypeVar("R", bound=Resource)

PAN_DIGITS: Final = 16
VALID_YEARS: Final = 4

_CHANGES: Final = {
    "block": "card.blocked",
    "unblock": "card.unblocked",
    "terminate": "card.terminated",
    "limits": "card.limits_changed",
}
"""Change of a card as the audit log names it → the type of its event."""


@dataclass(frozen=True, slots=True)
class IssuedCard:
    """A card that was just issued, with its number, which is shown once and never stored."""

    card: CardRecord
    pan: str | None = field(repr=False)


def issue(account_id: str, type: str, claim: Claim | None = None) -> IssuedCard:
    """Issue a card on the caller's active account. Its number ends in a Luhn digit (ISO/IEC 7812-1).

    Raises NotFound or AccountNotActive.
    """

    def decide() -> Decision[IssuedCard]:
        account = access.own(ledger.lock(ledger.names([account_id])).get(account_id), "account")
        if account.status != "active":
            raise errors.AccountNotActive(f"The account is {account.status}.")
        pan = _pan(context.config().card_bin)
        now = clock.now()
        card_id = ids.new()
        row = {
            "id": card_id,
            "account_id": account_id,
            "type": type,
            "last4": pan[-4:],
            "status": "active",
            "expires": _expiry(now),
            "created_at": now,
        }
        cards.add(row)
        card = get(card_id)
        event = events.row_about("card.issued", card, account_id)
        return Decision(IssuedCard(card, pan), card_id, events=[event])

    command = Command("card_issue", "card", facts={"account_id": account_id, "type": type})
    return commands.carry_out_in_transaction(command, decide, claim)


def get(card_id: str) -> CardRecord:
    """Return a card the caller may see. Raises NotFound."""
    return access.visible(cards.get(card_id), "card")


def search(account_id: str | None, window: Window) -> Page[CardRecord]:
    """Return the cards of one account, or of all the caller may see. Raises NotFound for a foreign account."""
    if account_id is not None:
        return cards.search(None, accounts.get(account_id).id, window)
    return cards.search(access.authorize_listing("card"), None, window)


def block(card_id: str) -> CardRecord:
    """Block the caller's active card. Raises NotFound or StateConflict."""
    return change(card_id, "block", lambda card: _new_status(card, "active", "blocked"), _itself)


def unblock(card_id: str) -> CardRecord:
    """Unblock the caller's blocked card. Raises NotFound or StateConflict."""
    return change(card_id, "unblock", lambda card: _new_status(card, "blocked", "active"), _itself)


def terminate(card_id: str) -> CardRecord:
    """Terminate the caller's card, which is final. Raises NotFound or StateConflict."""

    def terminated(card: CardRecord) -> Mapping[str, Any]:
        if card.status == "terminated":
            raise errors.StateConflict("The card is already terminated.")
        return {"status": "terminated"}

    return change(card_id, "terminate", terminated, _itself)


def _itself(card: CardRecord) -> CardRecord:
    return card


def _new_status(card: CardRecord, before: str, after: str) -> Mapping[str, Any]:
    if card.status != before:
        raise errors.StateConflict(f"The card is {card.status}, not {before}.")
    return {"status": after}


def change(
    card_id: str,
    change: str,
    new_values: Callable[[CardRecord], Mapping[str, Any]],
    changed_resource: Callable[[CardRecord], R],
    facts: Mapping[str, Any] | None = None,
) -> R:
    """Change columns of the caller's own card, audited as ``change``, and return the resource that changed.

    ``new_values`` gets the locked card and returns the new values by column. ``changed_resource`` gets the changed
    card and returns what the event is about. Raises NotFound, and what ``new_values`` raises.
    """

    def decide() -> Decision[R]:
        card = access.own(cards.lock(card_id), "card")
        values = new_values(card)
        cards.change(card_id, values)
        changed = changed_resource(card._replace(**values))
        return Decision(changed, events=[events.row_about(_CHANGES[change], changed, card.account_id)])

    command = Command("card_change", "card", card_id, {"change": change, **(facts or {})})
    return commands.carry_out_in_transaction(command, decide)


def _pan(issuer: str) -> str:
    payload = issuer + ids.digits(PAN_DIGITS - len(issuer) - 1)
    return payload + str(luhn.calc_check_digit(payload))


def _expiry(now: datetime) -> date:
    year = now.year + VALID_YEARS
    return date(year, now.month, calendar.monthrange(year, now.month)[1])
