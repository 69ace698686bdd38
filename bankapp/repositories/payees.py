"""Queries on saved payees."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ScalarSelect, bindparam, delete, false, func, select, update
from sqlalchemy.orm import aliased

from bankapp import db
from bankapp.listing import Owner, Page, Window
from bankapp.models import Account, AccountHolder, Payee, PayeeRecord, Transfer
from bankapp.repositories.listing import page
from bankapp.repositories.selecting import select_record


def _last_paid_at() -> ScalarSelect[Any]:
    """Return the time of the user's newest transfer to the payee's account, one step in an index for each account.

    It is computed when payees are read, so that a transfer does not write to its payee.
    """
    own, target = aliased(Account), aliased(Account)
    newest = (
        select(Transfer.created_at)
        .where(
            Transfer.from_account_id == own.id,
            Transfer.to_account_id == target.id,
            Transfer.reverses_transfer_id.is_(None),
        )
        .order_by(Transfer.created_at.desc())
        .limit(1)
        .correlate(own, target)
        .scalar_subquery()
    )
    return (
        select(func.max(newest))
        .select_from(own)
        .join(AccountHolder, AccountHolder.id == own.holder_id)
        .join(target, target.number == Payee.account_number)
        .where(AccountHolder.user_id == Payee.user_id)
        .correlate(Payee)
        .scalar_subquery()
    )


_PAYEES = select_record(PayeeRecord, Payee, last_paid_at=_last_paid_at())
_BY_ID = _PAYEES.where(Payee.id == bindparam("payee_id"))
_LOCK = _BY_ID.with_for_update(key_share=True, of=Payee)


def add(row: dict[str, Any]) -> bool:
    """Store a new payee; ``row`` has the columns by name. Store nothing and return False if the user has it."""
    return db.insert(Payee, row, ignore_conflict=True)


def get(payee_id: str) -> PayeeRecord | None:
    """Return the payee with this id, or None."""
    return db.one(_BY_ID, {"payee_id": payee_id}, record=PayeeRecord)


def lock(payee_id: str) -> PayeeRecord | None:
    """Lock the payee with this id until the transaction ends and return it, or None."""
    return db.one(_LOCK, {"payee_id": payee_id}, record=PayeeRecord)


def change(payee_id: str, values: dict[str, Any]) -> None:
    """Change columns of a locked payee; ``values`` are by column name."""
    db.change(update(Payee).where(Payee.id == payee_id).values(values))


def remove(payee_id: str) -> None:
    """Delete a locked payee."""
    db.change(delete(Payee).where(Payee.id == payee_id))


def count(user_id: str) -> int:
    """Return how many payees a user has."""
    return int(db.value(select(func.count()).where(Payee.user_id == user_id)))


def search(owner: Owner, window: Window) -> Page[PayeeRecord]:
    """Return an owner's payees, newest first. An owner who is limited to some accounts has none."""
    query = _PAYEES.where(Payee.user_id == owner.user_id)
    if owner.account_ids is not None:
        query = query.where(false())
    return page(query, [Payee.id], window, PayeeRecord)
