"""Accounts: opening, reading, freezing and closing them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schwifty import IBAN

from bankapp import clock, context, errors, ids
from bankapp.listing import Page, Window
from bankapp.models import AccountRecord
from bankapp.models.account import CASH
from bankapp.repositories import account_holders, accounts, transactions
from bankapp.services import access, commands, events, ledger
from bankapp.services.commands import Command, Decision
from bankapp.services.idempotency import Claim
from bankapp.services.ledger import AccountState

NUMBER_ATTEMPTS: Final = 5

_CHANGES: Final = {"freeze": "account.frozen", "unfreeze": "account.unfrozen", "close": "account.closed"}
"""Change of an account as the audit log names it → the type of its event."""


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of an account at a time, in minor units."""

    account_id: str
    balance: int
    at: datetime


def open(type: str, currency: str, name: str | None = None, claim: Claim | None = None) -> AccountRecord:
    """Open an account for the caller. Its number is an IBAN (ISO 13616); ``name`` is what the caller calls it.

    Raises AccountHolderRequired, InsufficientScope, or Unavailable when no free number was found.
    """

    def decide() -> Decision[AccountRecord]:
        access.demand_all_accounts("open another one")
        holder = account_holders.of_user(context.user().id)
        if holder is None:
            raise errors.AccountHolderRequired("Become an account holder before you open an account.")
        account = get(_add(holder.id, type, currency, name))
        return Decision(account, account.id, events=[events.row_about("account.opened", account, account.id)])

    command = Command("account_open", "account", facts={"type": type, "currency": currency})
    return commands.carry_out_in_transaction(command, decide, claim)


def _add(holder_id: str, type: str, currency: str, name: str | None) -> str:
    """Store an account and return its id. Also stores the bank's cash account of the currency if it is missing."""
    cash_id = ledger.cash_account_id(currency)
    if not accounts.exists(cash_id):
        accounts.add(_new(cash_id, None, f"CASH-{currency}", CASH, currency))
    account_id = ids.new()
    for _ in range(NUMBER_ATTEMPTS):
        if accounts.add(_new(account_id, holder_id, _iban(), type, currency) | {"name": name}):
            return account_id
    raise errors.Unavailable("No free account number was found. Try again.", retry_after_seconds=1)


def _new(account_id: str, holder_id: str | None, number: str, type: str, currency: str) -> dict[str, Any]:
    return {
        "id": account_id,
        "holder_id": holder_id,
        "number": number,
        "type": type,
        "currency": currency,
        "balance": 0,
        "held": 0,
        "sequence": 0,
        "status": "active",
        "created_at": clock.now(),
    }


def _iban() -> str:
    # Random, so that no customer can count the accounts or guess the number of another one.
    settings = context.config()
    return str(IBAN.generate(settings.iban_country, settings.iban_bank_code, ids.digits(10)))


def get(account_id: str) -> AccountRecord:
    """Return an account the caller may see. Raises NotFound."""
    return access.visible(accounts.get(account_id), "account")


def search(window: Window) -> Page[AccountRecord]:
    """Return the caller's accounts, newest first; for staff, all customers' accounts."""
    return accounts.search(access.authorize_listing("account"), window)


def of_user(user_id: str) -> Sequence[AccountRecord]:
    """Return all accounts of a user by position, then the oldest first. Raises NotFound to other customers."""
    access.authorize_read(user_id, None, "user", user_id)
    return accounts.of_user(user_id)


def balance_at(account_id: str, at: datetime | None) -> Balance:
    """Return the account's balance at a time (default: now). Raises NotFound, or ValidationFailed for the future."""
    now = clock.now()
    if at is None:
        return Balance(account_id, get(account_id).balance, now)
    owner_id, balance = transactions.balance_at(account_id, at)
    access.authorize_read(owner_id, account_id, "account", account_id)
    if at > now:
        raise errors.ValidationFailed(errors={"at": ["Must not lie in the future."]})
    return Balance(account_id, balance, at)


def change(account_id: str, changes: Mapping[str, Any]) -> AccountRecord:
    """Change ``name`` or ``position`` of the caller's own account. Raises NotFound, or StateConflict when closed."""

    def decide() -> Decision[AccountRecord]:
        account = access.own(ledger.lock(ledger.names([account_id])).get(account_id), "account")
        if account.status == "closed":
            raise errors.StateConflict("The account is closed.")
        accounts.change(account_id, changes)
        return Decision(_existing(account_id))

    command = Command("account_change", "account", account_id, {"change": "settings", "fields": sorted(changes)})
    return commands.carry_out_in_transaction(command, decide)


def _existing(account_id: str) -> AccountRecord:
    account = accounts.get(account_id)
    assert account is not None, "a locked account does not disappear"
    return account


def freeze(account_id: str) -> AccountRecord:
    """Freeze an active account, as staff. Raises NotFound or StateConflict."""
    return _change(account_id, "freeze", "frozen", lambda account: _check_status(account, "active"))


def unfreeze(account_id: str) -> AccountRecord:
    """Unfreeze a frozen account, as staff. Raises NotFound or StateConflict."""
    return _change(account_id, "unfreeze", "active", lambda account: _check_status(account, "frozen"))


def close(account_id: str) -> AccountRecord:
    """Close an empty account for good, as its owner or staff. Raises NotFound, StateConflict or AccountNotEmpty."""
    return _change(account_id, "close", "closed", _check_empty)


def _check_status(account: AccountState, expected: str) -> None:
    if account.status != expected:
        raise errors.StateConflict(f"The account is {account.status}, not {expected}.")


def _check_empty(account: AccountState) -> None:
    if account.status == "closed":
        raise errors.StateConflict("The account is already closed.")
    if account.balance or account.held:
        raise errors.AccountNotEmpty("An account can be closed only when it has neither balance nor holds.")


def _change(account_id: str, change: str, status: str, check: Callable[[AccountState], None]) -> AccountRecord:
    """Set the status of an account, audited as ``change``. ``check`` raises to refuse its state under the lock."""

    def decide() -> Decision[AccountRecord]:
        account = access.visible(ledger.lock(ledger.names([account_id])).get(account_id), "account")
        check(account)
        accounts.change(account_id, {"status": status})
        changed = _existing(account_id)
        return Decision(changed, events=[events.row_about(_CHANGES[change], changed, account_id)])

    command = Command("account_change", "account", account_id, {"change": change})
    return commands.carry_out_in_transaction(command, decide)
