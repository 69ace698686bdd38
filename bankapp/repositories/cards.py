"""Queries on cards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import bindparam, update

from bankapp import db
from bankapp.listing import Owner, Page, Window
from bankapp.models import Account, AccountHolder, Card, CardRecord
from bankapp.repositories.listing import of_owner, page
from bankapp.repositories.selecting import select_record

_CARDS = (
    select_record(
        CardRecord,
        Card,
        user_id=AccountHolder.user_id,
        currency=Account.currency,
        account_type=Account.type,
        account_number=Account.number,
        first_name=AccountHolder.first_name,
        last_name=AccountHolder.last_name,
    )
    .join_from(Card, Account)
    .join(AccountHolder)
)
_BY_ID = _CARDS.where(Card.id == bindparam("card_id"))
_LOCK = _BY_ID.with_for_update(key_share=True, of=Card)


def add(row: dict[str, Any]) -> None:
    """Store a new card; ``row`` has the columns by name."""
    db.insert(Card, row)


def get(card_id: str) -> CardRecord | None:
    """Return the card with this id, or None."""
    return db.one(_BY_ID, {"card_id": card_id}, record=CardRecord)


def lock(card_id: str) -> CardRecord | None:
    """Lock the card with this id until the transaction ends and return it, or None."""
    return db.one(_LOCK, {"card_id": card_id}, record=CardRecord)


def change(card_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of a locked card; ``values`` are by column name."""
    db.change(update(Card).where(Card.id == card_id).values(values))


def search(owner: Owner | None, account_id: str | None, window: Window) -> Page[CardRecord]:
    """Return cards, newest first, filtered by owner and account."""
    query = of_owner(_CARDS, owner, Card.account_id)
    if account_id is not None:
        query = query.where(Card.account_id == account_id)
    return page(query, [Card.id], window, CardRecord)
