"""Queries on transfers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, bindparam, select
from sqlalchemy.orm import aliased

from bankapp import db
from bankapp.listing import Page, Window
from bankapp.models import Account, AccountHolder, Transaction, Transfer, TransferRecord
from bankapp.repositories.listing import page, page_of_union
from bankapp.repositories.selecting import select_record

_REVERSAL = aliased(Transfer)
_REVERSAL_ID = (
    select(_REVERSAL.id).where(_REVERSAL.reverses_transfer_id == Transfer.id).correlate(Transfer).scalar_subquery()
)


def _seen_by(leg_type: str) -> Select[Any]:
    """Return the SELECT of transfers as they are seen by the side that has the transaction of this type."""
    leg = aliased(Transaction)
    query = select_record(
        TransferRecord,
        Transfer,
        reversed_by_transfer_id=_REVERSAL_ID,
        counterparty_name=leg.counterparty_name,
        counterparty_account_number=leg.counterparty_account_number,
        reference=leg.reference,
        end_to_end_id=leg.end_to_end_id,
    )
    return query.join_from(Transfer, leg, and_(leg.posting_id == Transfer.id, leg.type == leg_type))


_SENT, _RECEIVED = _seen_by("transfer_out"), _seen_by("transfer_in")
_SENT_BY_ID, _RECEIVED_BY_ID = (query.where(Transfer.id == bindparam("transfer_id")) for query in (_SENT, _RECEIVED))
_NEWEST = (Transfer.created_at, Transfer.id)


class Side(NamedTuple):
    """One side of a transfer."""

    user_id: str
    account_id: str


def _sides() -> Select[str, str, str, str]:
    source, target = aliased(Account), aliased(Account)
    sender, receiver = aliased(AccountHolder), aliased(AccountHolder)
    return (
        select(
            sender.user_id.label("from_user_id"),
            Transfer.from_account_id,
            receiver.user_id.label("to_user_id"),
            Transfer.to_account_id,
        )
        .select_from(Transfer)
        .join(source, source.id == Transfer.from_account_id)
        .join(sender, sender.id == source.holder_id)
        .join(target, target.id == Transfer.to_account_id)
        .join(receiver, receiver.id == target.holder_id)
        .where(Transfer.id == bindparam("transfer_id"))
    )


_SIDES = _sides()


def get(transfer_id: str, *, is_received: bool = False) -> TransferRecord | None:
    """Return the transfer with this id as its payer sees it, or with ``is_received`` its payee; None if unknown."""
    query = _RECEIVED_BY_ID if is_received else _SENT_BY_ID
    return db.one(query, {"transfer_id": transfer_id}, record=TransferRecord)


def by_ids(transfer_ids: Sequence[str]) -> Sequence[TransferRecord]:
    """Return the transfers with these ids as their payers see them, in any order."""
    if not transfer_ids:
        return []
    return db.rows(_SENT.where(Transfer.id.in_(transfer_ids)), record=TransferRecord)


def sides(transfer_id: str) -> tuple[Side, Side] | None:
    """Return a transfer's payer and payee, or None for an unknown transfer."""
    row = db.one(_SIDES, {"transfer_id": transfer_id})
    if row is None:
        return None
    return Side(row.from_user_id, row.from_account_id), Side(row.to_user_id, row.to_account_id)


def of_accounts(account_ids: Sequence[str], window: Window) -> Page[TransferRecord]:
    """Return the transfers from or to any of the accounts, newest first and without duplicates.

    Each is seen by the account's side; a transfer between two of the accounts is seen by its payer.
    """
    queries = []
    for account_id in account_ids:
        queries.append(_SENT.where(Transfer.from_account_id == account_id))
        # A transfer between two of the accounts is returned by the query of its sender.
        received = (Transfer.to_account_id == account_id, Transfer.from_account_id.not_in(account_ids))
        queries.append(_RECEIVED.where(*received))
    return page_of_union(queries, _NEWEST, window, TransferRecord)


def of_everybody(window: Window) -> Page[TransferRecord]:
    """Return all transfers as their payers see them, newest first."""
    return page(_SENT, [Transfer.id], window, TransferRecord)
