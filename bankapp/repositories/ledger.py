"""The ledger's writes: a lock on the accounts concerned, and one INSERT per table however many rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import bindparam, select

from bankapp import database
from bankapp.models import Account, AccountHolder
from bankapp.models.account import CASH
from bankapp.repositories import bulk

_LOCK = (
    select(
        Account.id,
        AccountHolder.user_id,
        Account.status,
        Account.currency,
        Account.balance,
        Account.held,
        Account.sequence,
        Account.last_posted_at,
    )
    .join_from(Account, AccountHolder)
    .where(Account.id.in_(bindparam("ids", expanding=True)), Account.type != CASH)
    .order_by(Account.id)
    .with_for_update(key_share=True, of=Account)
)


def lock_accounts(ids: Iterable[str]) -> Sequence[Any]:
    """Lock customers' accounts in the order of their ids, and return what rules and legs need of each.

    PostgreSQL locks the rows; on SQLite the transaction began IMMEDIATE and excludes every writer.
    """
    return database.rows(_LOCK, {"ids": sorted(ids)})


def add(transfers: bulk.Rows, transactions: bulk.Rows, postings: bulk.Rows) -> None:
    """Store postings with their legs, in order, and transfers.

    The database moves the balances, refuses a leg that does not fit and a posting whose legs do not
    sum to zero.
    """
    bulk.insert(transfers=transfers, transactions=transactions, postings=postings)
