"""The search index: the worker keeps it complete, a search completes the accounts that it reads.

A transfer writes nothing here. The sequence of an account has no gap, so one number tells what is in the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final

from bankapp import db, errors, search_terms
from bankapp.models import TransactionRecord
from bankapp.models.search import SearchableAccount, SearchableTransaction
from bankapp.repositories import search_index

BATCH_SIZE: Final = 2_000
"""How many transactions one database transaction adds."""

ACCOUNTS_AT_ONCE: Final = 50


def index() -> int:
    """Add transactions of some accounts that are behind, and return how many. A step of the worker's job."""
    return sum(_add_batch(account.id) for account in search_index.behind(ACCOUNTS_AT_ONCE))


def complete(accounts: Sequence[SearchableAccount]) -> None:
    """Make the index of ``accounts`` complete up to the sequence that they were read with.

    Raises Unavailable where more is missing than one request can add. The worker adds the rest, and so does each
    repetition of the request.
    """
    for account in accounts:
        if account.sequence > account.indexed and account.sequence > account.indexed + _add_batch(account.id):
            # Another request may have added transactions meanwhile, so this may ask for one repetition too many.
            raise errors.Unavailable("The transactions are being made searchable. Repeat soon.", retry_after_seconds=5)


def refresh(transaction: TransactionRecord) -> None:
    """Bring a transaction in the index up to its annotation, and its reversal too, in the open transaction."""
    account_id, sequences = transaction.account_id, [transaction.sequence]
    if transaction.transfer_id is not None:
        reversal = search_index.reversal(account_id, transaction.transfer_id)
        sequences += [reversal] if reversal is not None else []
    last = search_index.lock_progress(account_id)
    for sequence in sequences:
        if sequence <= last:
            _renew(account_id, sequence - 1, 1)


def rebuild() -> tuple[int, int]:
    """Renew the index of all accounts; return how many transactions and accounts it has.

    A search finds everything meanwhile: each step renews some transactions in one database transaction.
    """
    account_ids = search_index.used()
    return sum(map(_rebuild, account_ids)), len(account_ids)


def _rebuild(account_id: str) -> int:
    last = 0
    while found := db.run(partial(_renew_batch, account_id, last)):
        last = found
    while _add_batch(account_id):
        pass
    return db.run(partial(search_index.lock_progress, account_id))


def _renew_batch(account_id: str, after: int) -> int:
    """Renew a batch of the transactions in the index, and return the last sequence; 0 if there are no more."""
    size = min(BATCH_SIZE, search_index.lock_progress(account_id) - after)
    return _renew(account_id, after, size) if size > 0 else 0


def _renew(account_id: str, after: int, size: int) -> int:
    search_index.remove(account_id, after + 1, after + size)
    found = search_index.after(account_id, after, size)
    search_index.add(account_id, {one.sequence: _terms(one) for one in found})
    return after + size


def _add_batch(account_id: str) -> int:
    return db.run(partial(_add, account_id))


def _add(account_id: str) -> int:
    found = search_index.after(account_id, search_index.lock_progress(account_id), BATCH_SIZE)
    if found:
        search_index.add(account_id, {one.sequence: _terms(one) for one in found})
        search_index.set_progress(account_id, found[-1].sequence)
    return len(found)


def _terms(found: SearchableTransaction) -> list[str]:
    texts = (found.description, found.reference, found.counterparty_name, found.notes)
    return search_terms.of_transaction(texts, found.counterparty_name, found.category, found.tags or ())
