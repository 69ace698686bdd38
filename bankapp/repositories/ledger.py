"""The ledger's writes: a lock on the accounts concerned, and one INSERT per table however many rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select

from bankapp.extensions import db
from bankapp.models import Account, AccountHolder
from bankapp.models.account import CASH
from bankapp.repositories import bulk

LockedRow = Row[str, str, str, str, int, int, int, datetime | None]

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


def lock_accounts(ids: Iterable[str]) -> Sequence[LockedRow]:
    """Lock customers' accounts in the order of their ids, and return what rules and legs need of each.

    PostgreSQL locks the rows; on SQLite the transaction began IMMEDIATE and excludes every writer.
    """
    return db.session.execute(_LOCK, {"ids": sorted(ids)}).all()


def add_transfers(rows: Sequence[dict[str, Any]]) -> None:
    """Store transfers; their legs and postings must follow before the transaction ends."""
    bulk.insert("transfers", rows)


def add_transactions(rows: Sequence[dict[str, Any]]) -> None:
    """Store legs, in order; the database moves the balances and refuses a leg that does not fit."""
    bulk.insert("transactions", rows)


def add_postings(rows: Sequence[dict[str, Any]]) -> None:
    """Store postings, which seals their legs; the database refuses one that does not balance."""
    bulk.insert("postings", rows)
