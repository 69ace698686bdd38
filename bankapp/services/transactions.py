"""Deposits, withdrawals, and the history of accounts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from bankapp import context, db, search_terms
from bankapp.listing import HistoryFilter, Owner, Page, Window
from bankapp.models import TransactionRecord
from bankapp.repositories import accounts as account_rows
from bankapp.repositories import category_rules, transactions
from bankapp.repositories import search as found_rows
from bankapp.repositories import search_index as index_rows
from bankapp.repositories.categorizing import Categorization
from bankapp.repositories.search import InCategory
from bankapp.services import access, accounts, commands, ledger, search_index
from bankapp.services.commands import Command, Decision
from bankapp.services.idempotency import Claim
from bankapp.services.ledger import Accounts


def create(
    account_id: str,
    type: str,
    amount: int,
    currency: str,
    *,
    description: str | None = None,
    reference: str | None = None,
    end_to_end_id: str | None = None,
    claim: Claim | None = None,
) -> TransactionRecord:
    """Post a deposit or withdrawal on the caller's account and return the transaction.

    ``amount`` is minor units. Raises NotFound, and the refusals of :func:`ledger.draft`.
    """
    facts = {"account_id": account_id, "amount": amount, "currency": currency}
    command = Command(type, "transaction", facts=facts, moves_money=True)

    def decide(locked: Accounts) -> Decision[TransactionRecord]:
        account = access.own(locked.get(account_id), "account")
        posting = ledger.movement(
            type, account, amount, currency, description, reference=reference, end_to_end_id=end_to_end_id
        )
        draft = ledger.draft([posting])
        [transaction] = draft.only().transactions
        return Decision(transaction, transaction.id, postings=draft)

    return commands.carry_out(command, decide, claim, accounts=ledger.names([account_id]))


def get(transaction_id: str) -> TransactionRecord:
    """Return a transaction the caller may see. Raises NotFound."""
    return access.visible(transactions.get(transaction_id, context.current().subject), "transaction")


def daily_balances(account_id: str, first: date, last: date) -> list[int]:
    """Return the balance at the end of each day (UTC) from ``first`` to ``last``, in minor units. Raises NotFound."""
    accounts.get(account_id)
    start = datetime.combine(first, time.min, UTC)
    end = datetime.combine(last, time.min, UTC) + timedelta(days=1)
    with db.snapshot():
        balance = transactions.balance_before(account_id, start)
        closing = transactions.closing_balances(account_id, start, end)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return [balance := closing.get(day, balance) for day in days]


def search(account_id: str | None, filters: HistoryFilter, window: Window) -> Page[TransactionRecord]:
    """Return the history of one account, or of all the caller may see. Raises NotFound for a foreign account.

    With conditions on words, category, tag or counterparty it is the caller's own accounts only, also for staff, since
    annotations are private. Then it raises Unavailable as :func:`search_index.complete`.
    """
    if filters.conditions:
        return _search_own(account_id, filters, window)
    if account_id is not None:
        owner_id, page = transactions.of_account(account_id, filters, window, context.current().subject)
        access.authorize_read(owner_id, account_id, "account", account_id)
        return page
    owner = access.authorize_listing("transaction")
    if owner is None:
        return transactions.of_everybody(filters, window)
    return _of_owner(owner, filters, window)


def of_caller(filters: HistoryFilter, window: Window) -> Page[TransactionRecord]:
    """Return the history of all the caller's own accounts, newest first. Staff, too, get only their own.

    Raises Unavailable as :func:`search`.
    """
    if filters.conditions:
        return _search_own(None, filters, window)
    caller = context.user()
    return _of_owner(Owner(caller.id, caller.account_ids), filters, window)


def _of_owner(owner: Owner, filters: HistoryFilter, window: Window) -> Page[TransactionRecord]:
    return transactions.of_accounts(owner.user_id, account_rows.ids_of_owner(owner), filters, window)


def _search_own(account_id: str | None, filters: HistoryFilter, window: Window) -> Page[TransactionRecord]:
    subject = context.current().subject
    found = index_rows.of_user(subject) if subject is not None else []
    caller = context.user()
    accounts = [one for one in found if access.is_own(caller.id, one.id) and account_id in (None, one.id)]
    if account_id is not None and not accounts:
        raise access.not_found("account")
    search_index.complete(accounts)
    filters, wanted = _with_category(filters, [one.id for one in found])
    return found_rows.search(caller.id, [one.id for one in accounts], filters, window, wanted)


def _with_category(filters: HistoryFilter, own_ids: list[str]) -> tuple[HistoryFilter, InCategory | None]:
    """Split the condition on a category from ``filters`` if more than annotations may give this category.

    Otherwise the search index alone knows who has it.
    """
    named = [one for one in filters.conditions if one.text.startswith(search_terms.CATEGORY)]
    if not named:
        return filters, None
    # Here a category has spaces for its underscores.
    category = named[0].text.removeprefix(search_terms.CATEGORY).replace(" ", "_")
    categorization = Categorization(own_ids, category_rules.of_user(context.user().id))
    if not categorization.gives(category):
        return filters, None
    others = tuple(one for one in filters.conditions if one not in named)
    return replace(filters, conditions=others), InCategory(category, categorization)
