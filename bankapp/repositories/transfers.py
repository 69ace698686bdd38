"""Queries on transfers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import aliased

from bankapp import db
from bankapp.listing import Page, Window
from bankapp.models import Account, AccountHolder, Transfer, TransferRecord
from bankapp.repositories.listing import page, page_of_union
from bankapp.repositories.selecting import select_record

_REVERSAL = aliased(Transfer)
_REVERSAL_ID = (
    select(_REVERSAL.id).where(_REVERSAL.reverses_transfer_id == Transfer.id).correlate(Transfer).scalar_subquery()
)
_TRANSFERS = select_record(TransferRecord, Transfer, reversed_by_transfer_id=_REVERSAL_ID)
_BY_ID = _TRANSFERS.where(Transfer.id == bindparam("transfer_id"))
_NEWEST = (Transfer.created_at, Transfer.id)


def _owners() -> Select[str, str]:
    source, target = aliased(Account), aliased(Account)
    sender, receiver = aliased(AccountHolder), aliased(AccountHolder)
    return (
        select(sender.user_id.label("from_user_id"), receiver.user_id.label("to_user_id"))
        .select_from(Transfer)
        .join(source, source.id == Transfer.from_account_id)
        .join(sender, sender.id == source.holder_id)
        .join(target, target.id == Transfer.to_account_id)
        .join(receiver, receiver.id == target.holder_id)
        .where(Transfer.id == bindparam("transfer_id"))
    )


_OWNERS = _owners()


def get(transfer_id: str) -> TransferRecord | None:
    """Return the transfer with this id, or None."""
    return db.one(_BY_ID, {"transfer_id": transfer_id}, record=TransferRecord)


def by_ids(transfer_ids: Sequence[str]) -> Sequence[TransferRecord]:
    """Return the transfers with these ids, in any order."""
    if not transfer_ids:
        return []
    return db.rows(_TRANSFERS.where(Transfer.id.in_(transfer_ids)), record=TransferRecord)


def owners(transfer_id: str) -> tuple[str, ...]:
    """Return the user ids of a transfer's sender and receiver; an empty tuple for an unknown transfer."""
    row = db.one(_OWNERS, {"transfer_id": transfer_id})
    return () if row is None else (row.from_user_id, row.to_user_id)


def of_accounts(account_ids: Sequence[str], window: Window) -> Page[TransferRecord]:
    """Return the transfers from or to any of the accounts, newest first and without duplicates."""
    queries = []
    for account_id in account_ids:
        queries.append(_TRANSFERS.where(Transfer.from_account_id == account_id))
        # A transfer between two of the accounts is returned by the query of its sender.
        received = (Transfer.to_account_id == account_id, Transfer.from_account_id.not_in(account_ids))
        queries.append(_TRANSFERS.where(*received))
    return page_of_union(queries, _NEWEST, window, TransferRecord)


def of_everybody(window: Window) -> Page[TransferRecord]:
    """Return all transfers, newest first."""
    return page(_TRANSFERS, [Transfer.id], window, TransferRecord)
