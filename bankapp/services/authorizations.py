"""Card authorizations: a hold on an account, which a capture turns into a purchase.

A hold is a pending authorization and counts in its account's ``held``. It ends once: it is captured, voided or
expired. Every command locks the account first and the card second. Of two concurrent commands, the second
therefore sees the result of the first.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from bankapp import clock, context, db, errors, ids
from bankapp.listing import Page, Window
from bankapp.models import AuthorizationRecord, CardRecord
from bankapp.models.authorization import CAPTURED, DECLINED, PENDING, VOIDED
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import authorizations
from bankapp.repositories import cards as card_rows
from bankapp.services import access, card_limits, cards, commands, events, ledger
from bankapp.services.commands import Command, Decision, Refused
from bankapp.services.idempotency import Claim
from bankapp.services.ledger import AccountState


def create(card_id: str, amount: int, currency: str, merchant: str, claim: Claim | None = None) -> AuthorizationRecord:
    """Hold an amount (minor units) on the account of the caller's card, and return the authorization.

    A refusal for the caller's own card is stored as a declined authorization. Raises NotFound, StateConflict
    for a card that is not active, AccountNotActive, CurrencyMismatch, LimitExceeded or InsufficientFunds.
    """
    # The id is made before the decision, so that the audit row names a declined authorization, too.
    authorization_id = ids.new()
    facts = {"card_id": card_id, "amount": amount, "currency": currency}
    command = Command("card_authorization", "authorization", authorization_id, facts)

    def row(account_id: str, status: str, **more: object) -> dict[str, Any]:
        return {
            "id": authorization_id,
            "card_id": card_id,
            "account_id": account_id,
            "amount": amount,
            "captured_amount": 0,
            "currency": currency,
            "merchant": merchant,
            "status": status,
            **more,
        }

    def decide() -> Decision[AuthorizationRecord]:
        account_id = access.own(card_rows.get(card_id), "card").account_id
        account = ledger.lock(ledger.names([account_id]))[account_id]
        card = access.own(card_rows.lock(card_id), "card")
        now = clock.now()
        try:
            _check(card, account, amount, currency, now)
        except errors.BankError as refusal:
            ended = {"decline_reason": _reason(refusal), "created_at": now, "finished_at": now}
            declined = row(account_id, DECLINED, **ended)

            def leave() -> None:
                authorizations.add(declined)
                events.record("authorization.declined", _existing(authorization_id), account_id)

            raise Refused(refusal, leave=leave) from refusal
        expires_at = now + context.config().hold_lifetime
        authorizations.add(row(account_id, PENDING, created_at=now, expires_at=expires_at))
        return _decided("authorization.created", _existing(authorization_id))

    return commands.carry_out_in_transaction(command, decide, claim)


def _decided(event_type: str, authorization: AuthorizationRecord) -> Decision[AuthorizationRecord]:
    event = events.row_about(event_type, authorization, authorization.account_id)
    return Decision(authorization, events=[event])


def _check(card: CardRecord, account: AccountState, amount: int, currency: str, now: datetime) -> None:
    state = "expired" if card.expires < now.date() else card.status
    if state != "active":
        raise errors.StateConflict(f"The card is {state}.", extra={"card_status": state})
    ledger.check_usable(account, currency)
    card_limits.check(card, amount, now)
    ledger.check_funds(account.balance - account.held, amount)


def _reason(refusal: errors.BankError) -> str:
    # The code "state_conflict" does not name the card's state; the customer needs it.
    state = refusal.extra.get("card_status")
    return f"card_{state}" if state else refusal.code


def capture(authorization_id: str, amount: int | None, claim: Claim | None = None) -> AuthorizationRecord:
    """Take an amount up to the hold (minor units; default: all of it) and release the rest.

    Raises NotFound, StateConflict when the hold has ended, ValidationFailed for an amount above the hold, or
    AccountNotActive.
    """

    def decide() -> Decision[AuthorizationRecord]:
        hold, account = _lock_hold(authorization_id)
        taken = hold.amount if amount is None else amount
        if taken > hold.amount:
            raise errors.ValidationFailed(errors={"amount": [f"Must be at most {hold.amount}, the amount on hold."]})
        # The hold is released first: the captured amount must not count as held.
        account = account._replace(held=account.held - hold.amount)
        draft = ledger.draft([ledger.movement("card_purchase", account, taken, hold.currency, hold.merchant)])
        try:
            [transaction] = draft.only().transactions
        except errors.BankError as refusal:
            raise Refused(refusal, facts={"amount": taken}) from refusal
        values: dict[str, Any] = {
            "status": CAPTURED,
            "finished_at": clock.now(),
            "captured_amount": taken,
            "posting_id": transaction.posting_id,
        }
        authorizations.finish(authorization_id, values)
        decided = _decided("authorization.captured", hold._replace(**values))
        return replace(decided, facts={"amount": taken}, postings=draft)

    command = Command("card_capture", "authorization", authorization_id, moves_money=True)
    return commands.carry_out_in_transaction(command, decide, claim)


def void(authorization_id: str, claim: Claim | None = None) -> AuthorizationRecord:
    """Release a hold without a purchase. Raises NotFound, or StateConflict when the hold has ended."""

    def decide() -> Decision[AuthorizationRecord]:
        hold, _ = _lock_hold(authorization_id)
        values: dict[str, Any] = {"status": VOIDED, "finished_at": clock.now()}
        authorizations.finish(authorization_id, values)
        return _decided("authorization.voided", hold._replace(**values))

    return commands.carry_out_in_transaction(Command("card_void", "authorization", authorization_id), decide, claim)


def _lock_hold(authorization_id: str) -> tuple[AuthorizationRecord, AccountState]:
    """Lock the account of the caller's pending hold; return both. Raises NotFound or StateConflict."""
    account_id = access.own(authorizations.get(authorization_id), "authorization").account_id
    account = ledger.lock(ledger.names([account_id]))[account_id]
    # Read again: the hold may have ended before the lock was granted, and the lock releases expired holds.
    hold = _existing(authorization_id)
    if hold.status != PENDING:
        raise errors.StateConflict(f"The authorization is {hold.status}.")
    return hold, account


def _existing(authorization_id: str) -> AuthorizationRecord:
    authorization = authorizations.get(authorization_id)
    assert authorization is not None, "an authorization is never deleted"
    return authorization


def get(authorization_id: str) -> AuthorizationRecord:
    """Return an authorization the caller may see. Raises NotFound."""
    return access.visible(authorizations.get(authorization_id), "authorization")


def search(card_id: str | None, window: Window) -> Page[AuthorizationRecord]:
    """Return the authorizations of one card, or of all the caller may see. Raises NotFound for a foreign card."""
    if card_id is not None:
        return authorizations.of_card(cards.get(card_id).id, window)
    return authorizations.search(access.authorize_listing("authorization"), window)


def expire() -> int:
    """Release every overdue hold and return their number.

    Each account is a transaction, so that no other request waits long for its lock. An overdue hold already
    counts as released; this command updates the stored rows.
    """
    overdue = authorizations.accounts_with_overdue(clock.now())
    return sum(db.run(partial(_release_overdue, account_id)) for account_id in overdue)


def _release_overdue(account_id: str) -> int:
    account_rows.lock(ledger.names([account_id]))
    return len(ledger.release_overdue([account_id]))
