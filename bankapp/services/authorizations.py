"""Card authorizations: a hold, then money.

A hold is a pending authorization and counts in its account's ``held``. It ends once: captured,
voided, or expired. All of it happens under the account's lock, and a card is locked after its
account, so whoever comes second sees what the first one left.
"""

from __future__ import annotations

from datetime import datetime

from bankapp import clock, context, database, errors, ids
from bankapp.listing import Page, Window
from bankapp.models import Authorization, Card
from bankapp.models.authorization import CAPTURED, DECLINED, PENDING, VOIDED
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import authorizations
from bankapp.repositories import cards as card_rows
from bankapp.services import access, audit, card_limits, cards, ledger
from bankapp.services.audit import Attempt
from bankapp.services.ledger import AccountState


def create(card_id: str, amount: int, currency: str, merchant: str) -> Authorization:
    """Hold an amount (minor units) on the account of the caller's card.

    A refusal of the caller's own card is kept as a declined authorization. Raises NotFound,
    StateConflict (card), AccountNotActive, CurrencyMismatch, LimitExceeded or InsufficientFunds.
    """
    # Known beforehand, so that the audit row names it whether it holds or is declined.
    authorization_id = ids.new()
    metadata = {"card_id": card_id, "amount": amount, "currency": currency}
    attempt = Attempt("card_authorization", "authorization", authorization_id, metadata)

    def work() -> Authorization:
        card = _own_card(card_id)
        account_id = card.account_id

        def new(status: str, now: datetime, **more: object) -> Authorization:
            authorization = Authorization(
                id=authorization_id,
                card_id=card_id,
                account_id=account_id,
                amount=amount,
                captured_amount=0,
                currency=currency,
                merchant=merchant,
                status=status,
                created_at=now,
                **more,
            )
            authorizations.add(authorization)
            return authorization

        def decline(refusal: errors.BankError) -> None:
            now = clock.now()
            new(DECLINED, now, decline_reason=_reason(refusal), finished_at=now)

        attempt.on_refusal = decline
        account = ledger.lock([account_id])[account_id]
        card = _own_card(card_id, lock=True)
        now = clock.now()
        _check(card, account, amount, currency, now)
        return new(PENDING, now, expires_at=now + context.config().hold_lifetime)

    return audit.perform(attempt, work)


def _own_card(card_id: str, *, lock: bool = False) -> Card:
    card = card_rows.lock(card_id) if lock else card_rows.get(card_id)
    access.own(cards.owner(card), "card")
    assert card is not None
    return card


def _check(card: Card, account: AccountState, amount: int, currency: str, now: datetime) -> None:
    state = "expired" if card.expires < now.date() else card.status
    if state != "active":
        raise errors.StateConflict(f"The card is {state}.", extra={"card_status": state})
    ledger.check_usable(account, currency)
    card_limits.check(card, amount, now)
    ledger.check_funds(account, amount)


def _reason(refusal: errors.BankError) -> str:
    # "state_conflict" alone would leave the customer to guess which state that was.
    state = refusal.extra.get("card_status")
    return f"card_{state}" if state else refusal.code


def capture(authorization_id: str, amount: int | None) -> Authorization:
    """Take up to what is held (minor units; default: all of it) and release the rest.

    Raises NotFound, StateConflict when the hold has ended, ValidationFailed for more than is held, or
    AccountNotActive.
    """
    attempt = Attempt("card_capture", "authorization", authorization_id)

    def work() -> Authorization:
        authorization, account = _lock_hold(authorization_id)
        taken = authorization.amount if amount is None else amount
        if taken > authorization.amount:
            raise errors.ValidationFailed(errors={"amount": [f"Must be at most {authorization.amount}, what is held."]})
        attempt.metadata["amount"] = taken
        posting = ledger.movement("card_purchase", account, taken, authorization.currency, authorization.merchant)
        authorizations.finish(authorization, CAPTURED, clock.now(), captured_amount=taken, posting_id=posting.id)
        account.held -= authorization.amount
        ledger.post_one(posting)
        return authorization

    return audit.perform(attempt, work)


def void(authorization_id: str) -> Authorization:
    """Release a hold without taking anything. Raises NotFound, or StateConflict when it has ended."""

    def work() -> Authorization:
        authorization, _ = _lock_hold(authorization_id)
        authorizations.finish(authorization, VOIDED, clock.now())
        return authorization

    return audit.perform(Attempt("card_void", "authorization", authorization_id), work)


def _lock_hold(authorization_id: str) -> tuple[Authorization, AccountState]:
    """Return a hold of the caller's that has not ended, and its account under its lock."""
    authorization = authorizations.get(authorization_id)
    access.own(owner(authorization), "authorization")
    assert authorization is not None
    account = ledger.lock([authorization.account_id])[authorization.account_id]
    # Read again: it may have ended before the lock was ours, or expired when the lock was taken.
    authorization = authorizations.get(authorization_id)
    assert authorization is not None
    if authorization.status != PENDING:
        raise errors.StateConflict(f"The authorization is {authorization.status}.")
    return authorization, account


def owner(authorization: Authorization | None) -> str | None:
    """Return the id of the user on whose card ``authorization`` is."""
    return cards.owner(authorization.card) if authorization else None


def get(authorization_id: str) -> Authorization:
    """Return an authorization the caller may see. Raises NotFound."""
    authorization = authorizations.get(authorization_id)
    access.read(owner(authorization), "authorization", authorization_id)
    assert authorization is not None
    return authorization


def search(card_id: str | None, window: Window) -> Page[Authorization]:
    """Return the authorizations of one card, or of all the caller may see. Raises NotFound for a foreign card."""
    if card_id is not None:
        return authorizations.of_card(cards.get(card_id).id, window)
    return authorizations.search(access.listing("authorization"), window)


def expire() -> int:
    """Release every overdue hold and return how many that were.

    One account at a time, so nobody waits for long. None of them counted any more: this only tidies up.
    """
    count = 0
    for account_id in authorizations.accounts_with_overdue(clock.now()):
        count += database.run(lambda account_id=account_id: _release(account_id))  # type: ignore[misc]  # mypy cannot infer a lambda with defaults
    return count


def _release(account_id: str) -> int:
    account_rows.lock(account_id)
    return len(authorizations.release_overdue([account_id], clock.now()))
