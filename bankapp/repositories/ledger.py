"""The accounts that the ledger goes by, and its writes: one INSERT per table however many rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, select

from bankapp import database
from bankapp.models import Account, AccountHolder
from bankapp.models.account import CASH
from bankapp.models.types import Id
from bankapp.repositories import bulk


@cache
def _accounts(count: int) -> Select[*tuple[Any, ...]]:
    columns = (
        Account.id,
        AccountHolder.user_id,
        Account.status,
        Account.currency,
        Account.balance,
        Account.held,
        Account.sequence,
        Account.last_posted_at,
    )
    ids = [bindparam(f"id_{number}", type_=Id) for number in range(count)]
    return select(*columns).join_from(Account, AccountHolder).where(Account.id.in_(ids), Account.type != CASH)


@cache
def _lock(count: int) -> Select[*tuple[Any, ...]]:
    return _accounts(count).order_by(Account.id).with_for_update(key_share=True, of=Account)


def look_at_accounts(ids: Iterable[str]) -> Sequence[Any]:
    """Return of customers' accounts what rules and legs need, as it is now and may not be any more in a moment."""
    return _read(_accounts, ids)


def lock_accounts(ids: Iterable[str]) -> Sequence[Any]:
    """Lock customers' accounts in the order of their ids, and return of each what :func:`look_at_accounts` does.

    PostgreSQL locks the rows; on SQLite the transaction began IMMEDIATE and excludes every writer.
    """
    return _read(_lock, ids)


def _read(query: Callable[[int], Select[*tuple[Any, ...]]], ids: Iterable[str]) -> Sequence[Any]:
    wanted = sorted(ids)
    if not wanted:
        return []
    # Filled up to a power of two, so that a few statements serve every length of list.
    size = 1 << (len(wanted) - 1).bit_length()
    filled = wanted + wanted[-1:] * (size - len(wanted))
    return database.rows(query(size), {f"id_{number}": id for number, id in enumerate(filled)})


def add(rows: bulk.Tables) -> None:
    """Store postings with their legs, in order, and transfers.

    The database moves the balances, refuses a leg that does not fit and a posting whose legs do not
    sum to zero.
    """
    bulk.insert(rows)
