"""Deposits, withdrawals, and the history of accounts."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from bankapp import database
from bankapp.listing import HistoryFilter, Page, Window
from bankapp.models import Transaction
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import transactions
from bankapp.services import access, accounts, audit, ledger
from bankapp.services.audit import Attempt


def create(account_id: str, type: str, amount: int, currency: str, description: str | None) -> ledger.Row:
    """Post a deposit or withdrawal on the caller's account and return the transaction.

    ``amount`` is minor units. Raises NotFound and the refusals of :func:`ledger.draft`.
    """
    attempt = Attempt(type, "transaction", metadata={"account_id": account_id, "amount": amount, "currency": currency})

    def work() -> ledger.Row:
        account = ledger.lock([account_id]).get(account_id)
        access.own(account.user_id if account else None, "account")
        assert account is not None
        draft = ledger.draft([ledger.movement(type, account, amount, currency, description)])
        [transaction] = draft.only().transactions
        attempt.resource_id = transaction["id"]
        attempt.writes = draft.rows
        return transaction

    return audit.perform(attempt, work)


def get(transaction_id: str) -> Transaction:
    """Return a transaction the caller may see. Raises NotFound."""
    found = transactions.get(transaction_id)
    access.read(found[1].user_id if found else None, "transaction", transaction_id)
    assert found is not None
    return found[0]


def daily_balances(account_id: str, first: date, last: date) -> list[int]:
    """Return the balance at the end of each day (UTC), both included, in minor units. Raises NotFound."""
    accounts.check_visible(account_id)
    start = datetime.combine(first, time.min, UTC)
    end = datetime.combine(last, time.min, UTC) + timedelta(days=1)
    with database.snapshot():
        balance = transactions.balance_before(account_id, start)
        closing = transactions.closing_balances(account_id, start, end)
    days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    return [balance := closing.get(day, balance) for day in days]


def search(account_id: str | None, narrowed: HistoryFilter, window: Window) -> Page[Any]:
    """Return the history of one account, or of all the caller may see. Raises NotFound for a foreign account."""
    if account_id is not None:
        owner, page = transactions.of_account(account_id, narrowed, window)
        access.read(owner, "account", account_id)
        return page
    user_id = access.listing("transaction")
    if user_id is None:
        return transactions.of_everybody(narrowed, window)
    return transactions.of_accounts(account_rows.ids_of_user(user_id), narrowed, window)
