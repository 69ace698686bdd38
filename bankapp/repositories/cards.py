"""Queries on cards."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from bankapp.extensions import db
from bankapp.listing import Page, Window
from bankapp.models import Account, AccountHolder, Card
from bankapp.repositories.listing import page

_WITH_OWNER = joinedload(Card.account).joinedload(Account.holder)


def add(card: Card) -> None:
    """Store a new card."""
    db.session.add(card)
    db.session.flush()


def get(card_id: str) -> Card | None:
    """Return a card with its account and holder."""
    return db.session.scalars(select(Card).where(Card.id == card_id).options(_WITH_OWNER)).one_or_none()


def lock(card_id: str) -> Card | None:
    """Return a card with its account and holder, the card locked until the transaction ends."""
    query = select(Card).where(Card.id == card_id).options(_WITH_OWNER).with_for_update(key_share=True, of=Card)
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def search(user_id: str | None, account_id: str | None, window: Window) -> Page[Card]:
    """Return cards, newest first, narrowed by user and account."""
    query = select(Card)
    if user_id is not None:
        query = query.join(Account).join(AccountHolder).where(AccountHolder.user_id == user_id)
    if account_id is not None:
        query = query.where(Card.account_id == account_id)
    return page(query, [Card.id], window)
