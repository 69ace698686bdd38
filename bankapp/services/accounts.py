"""Accounts: opening, reading, freezing, closing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from schwifty import IBAN

from bankapp import clock, context, errors, ids
from bankapp.listing import Page, Window
from bankapp.models import Account, AccountView
from bankapp.models.account import CASH
from bankapp.repositories import account_holders, accounts, transactions
from bankapp.services import access, audit, ledger
from bankapp.services.audit import Attempt

NUMBER_ATTEMPTS: Final = 5


@dataclass(frozen=True, slots=True)
class Balance:
    """What an account held at a time, in minor units."""

    account_id: str
    balance: int
    at: datetime


def open(type: str, currency: str) -> Account:
    """Open an account for the caller. Raises AccountHolderRequired."""
    attempt = Attempt("account_open", "account", metadata={"type": type, "currency": currency})

    def work() -> Account:
        holder = account_holders.of_user(context.user().id)
        if holder is None:
            raise errors.AccountHolderRequired("Become an account holder before you open an account.")
        account = _add(holder.id, type, currency)
        attempt.resource_id = account.id
        return account

    return audit.perform(attempt, work)


def _add(holder_id: str, type: str, currency: str) -> Account:
    cash_id = ledger.cash_account_id(currency)
    if not accounts.exists(cash_id):
        accounts.add(_new(cash_id, None, f"CASH-{currency}", CASH, currency))
    for _ in range(NUMBER_ATTEMPTS):
        account = _new(ids.new(), holder_id, _iban(), type, currency)
        if accounts.add(account):
            return account
    raise errors.Unavailable("No free account number was found; try again.", retry_after_seconds=1)


def _new(account_id: str, holder_id: str | None, number: str, type: str, currency: str) -> Account:
    return Account(
        id=account_id,
        holder_id=holder_id,
        number=number,
        type=type,
        currency=currency,
        balance=0,
        held=0,
        sequence=0,
        status="active",
        created_at=clock.now(),
    )


def _iban() -> str:
    # Random, so that nobody counts our customers or guesses a neighbour's number (ISO 13616).
    settings = context.config()
    return str(IBAN.generate(settings.iban_country, settings.iban_bank_code, ids.digits(10)))


def get(account_id: str) -> AccountView:
    """Return an account the caller may see. Raises NotFound."""
    account = accounts.get(account_id)
    access.read(account.user_id if account else None, "account", account_id)
    assert account is not None
    return account


def check_visible(account_id: str) -> None:
    """Let pass who may see the account, as :func:`get` does without reading it. Raises NotFound."""
    access.read(accounts.owner(account_id), "account", account_id)


def search(window: Window) -> Page[Account]:
    """Return the caller's accounts; for staff, everybody's."""
    return accounts.search(access.listing("account"), window)


def of_user(user_id: str) -> Sequence[Account]:
    """Return all accounts of a user, oldest first: one's own, for staff anybody's. Raises NotFound."""
    access.read(user_id, "user", user_id)
    return accounts.of_user(user_id)


def balance_at(account_id: str, at: datetime | None) -> Balance:
    """Return what the account held at a time (default: now). Raises NotFound, or ValidationFailed for the future."""
    now = clock.now()
    if at is None:
        return Balance(account_id, get(account_id).balance, now)
    owner, balance = transactions.balance_at(account_id, at) or (None, 0)
    access.read(owner, "account", account_id)
    if at > now:
        raise errors.ValidationFailed(errors={"at": ["Must not lie in the future."]})
    return Balance(account_id, balance, at)


def freeze(account_id: str) -> Account:
    """Freeze an active account, as staff. Raises NotFound or StateConflict."""
    return _change(account_id, "freeze", lambda account: _move(account, "active", "frozen"))


def unfreeze(account_id: str) -> Account:
    """Unfreeze a frozen account, as staff. Raises NotFound or StateConflict."""
    return _change(account_id, "unfreeze", lambda account: _move(account, "frozen", "active"))


def close(account_id: str) -> Account:
    """Close an empty account for good, as its owner or staff. Raises NotFound, StateConflict or AccountNotEmpty."""

    def change(account: Account) -> None:
        if account.status == "closed":
            raise errors.StateConflict("The account is closed already.")
        if account.balance or account.held:
            raise errors.AccountNotEmpty("Only an account with neither balance nor holds can be closed.")
        account.status = "closed"

    return _change(account_id, "close", change)


def _move(account: Account, before: str, after: str) -> None:
    if account.status != before:
        raise errors.StateConflict(f"The account is {account.status}, not {before}.")
    account.status = after


def _change(account_id: str, what: str, change: Callable[[Account], None]) -> Account:
    attempt = Attempt("account_change", "account", account_id, {"change": what})

    def work() -> Account:
        account = accounts.lock(account_id)
        access.read(account.user_id if account else None, "account", account_id)
        assert account is not None
        change(account)
        return account

    return audit.perform(attempt, work)
