"""Queries on card authorizations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, case, func, select, update

from bankapp import db
from bankapp.listing import Owner, Page, Window
from bankapp.models import Account, AccountHolder, Authorization, AuthorizationRecord
from bankapp.models.authorization import EXPIRED, PENDING
from bankapp.repositories.listing import of_owner, page
from bankapp.repositories.selecting import select_record

_AUTHORIZATIONS = (
    select_record(AuthorizationRecord, Authorization, user_id=AccountHolder.user_id)
    .join_from(Authorization, Account, Account.id == Authorization.account_id)
    .join(AccountHolder)
)
_BY_ID = _AUTHORIZATIONS.where(Authorization.id == bindparam("authorization_id"))
_TABLE: Any = Authorization.__table__


def add(row: dict[str, Any]) -> None:
    """Store a new authorization; ``row`` has the columns by name. For a pending one the database raises ``held``."""
    db.insert(Authorization, row)


def finish(authorization_id: str, values: dict[str, Any]) -> None:
    """End a pending authorization of a locked account; the database releases the hold.

    ``values`` are ``status`` and ``finished_at``, and for a capture also ``captured_amount`` and ``posting_id``.
    """
    db.change(update(Authorization).where(Authorization.id == authorization_id).values(values))


def get(authorization_id: str) -> AuthorizationRecord | None:
    """Return the authorization with this id, or None."""
    return db.one(_BY_ID, {"authorization_id": authorization_id}, record=AuthorizationRecord)


def of_card(card_id: str, window: Window) -> Page[AuthorizationRecord]:
    """Return the authorizations of one card, newest first."""
    query = _AUTHORIZATIONS.where(Authorization.card_id == card_id)
    return page(query, [Authorization.created_at, Authorization.id], window, AuthorizationRecord)


def search(owner: Owner | None, window: Window) -> Page[AuthorizationRecord]:
    """Return the authorizations of an owner's cards (None: of all cards), newest first."""
    query = of_owner(_AUTHORIZATIONS, owner, Authorization.account_id)
    return page(query, [Authorization.id], window, AuthorizationRecord)


def used_since(card_id: str, since: datetime, now: datetime) -> int:
    """Return the sum of a card's pending holds and captured amounts since a time, in minor units."""
    held = and_(Authorization.status == PENDING, Authorization.expires_at > now)
    used = case((held, Authorization.amount), else_=Authorization.captured_amount)
    query = select(func.coalesce(func.sum(used), 0))
    return int(db.value(query.where(Authorization.card_id == card_id, Authorization.created_at >= since)))


def release_overdue(account_ids: Sequence[str], now: datetime) -> list[AuthorizationRecord]:
    """Expire the overdue holds of locked accounts and return them as they are now."""
    overdue = (
        Authorization.account_id.in_(account_ids),
        Authorization.status == PENDING,
        Authorization.expires_at <= now,
    )
    expired = update(_TABLE).where(*overdue).values(status=EXPIRED, finished_at=_TABLE.c.expires_at)
    released = [row.id for row in db.rows(expired.returning(_TABLE.c.id))]
    if not released:
        return []
    return list(db.rows(_AUTHORIZATIONS.where(Authorization.id.in_(released)), record=AuthorizationRecord))


def accounts_with_overdue(now: datetime) -> list[str]:
    """Return the ids of the accounts with overdue holds."""
    query = select(Authorization.account_id).where(Authorization.status == PENDING, Authorization.expires_at <= now)
    return [row.account_id for row in db.rows(query.distinct().order_by(Authorization.account_id))]
