"""Queries on transfers."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from bankapp.extensions import db
from bankapp.listing import Page, Window
from bankapp.models import Transfer
from bankapp.repositories.listing import page, page_of_union

_NEWEST = (Transfer.created_at, Transfer.id)


def get(transfer_id: str) -> Transfer | None:
    """Return the transfer with this id."""
    return db.session.get(Transfer, transfer_id)


def reversal_of(transfer_id: str) -> Transfer | None:
    """Return the transfer that reversed this one."""
    return db.session.scalars(select(Transfer).where(Transfer.reverses_transfer_id == transfer_id)).one_or_none()


def of_accounts(account_ids: Sequence[str], window: Window) -> Page[Transfer]:
    """Return the transfers from or to any of the accounts, newest first, each once."""
    sides = [
        [
            select(Transfer).where(Transfer.from_account_id == account_id),
            # One between two of the accounts is found on its sending side.
            select(Transfer).where(Transfer.to_account_id == account_id, Transfer.from_account_id.not_in(account_ids)),
        ]
        for account_id in account_ids
    ]
    return page_of_union(Transfer, [query for pair in sides for query in pair], _NEWEST, window)


def of_everybody(window: Window) -> Page[Transfer]:
    """Return all transfers, newest first."""
    return page(select(Transfer), [Transfer.id], window)
