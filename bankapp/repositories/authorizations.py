"""Queries on card authorizations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, bindparam, case, func, select, update
from sqlalchemy.orm import joinedload

from bankapp.extensions import db
from bankapp.listing import Page, Window
from bankapp.models import Account, AccountHolder, Authorization, Card
from bankapp.models.authorization import EXPIRED, PENDING
from bankapp.repositories.listing import page

_WITH_OWNER = joinedload(Authorization.card).joinedload(Card.account).joinedload(Account.holder)
_TABLE = Authorization.__table__.c
_RELEASE_OVERDUE = (
    update(Authorization.__table__)  # type: ignore[arg-type]  # FromClause in the stubs, a Table in fact
    .where(
        _TABLE.account_id.in_(bindparam("account_ids", expanding=True)),
        _TABLE.status == PENDING,
        _TABLE.expires_at <= bindparam("now"),
    )
    .values(status=EXPIRED, finished_at=_TABLE.expires_at)
    .returning(_TABLE.account_id, _TABLE.amount)
)


def add(authorization: Authorization) -> None:
    """Store a new authorization; the database holds the amount of a pending one."""
    db.session.add(authorization)
    db.session.flush()


def finish(
    authorization: Authorization,
    status: str,
    finished_at: datetime,
    *,
    captured_amount: int = 0,
    posting_id: str | None = None,
) -> None:
    """End a pending authorization, whose account must be locked; the database releases the hold."""
    authorization.status = status
    authorization.finished_at = finished_at
    authorization.captured_amount = captured_amount
    authorization.posting_id = posting_id
    db.session.flush()


def get(authorization_id: str) -> Authorization | None:
    """Return an authorization with its card, account and holder, as it is in the database now."""
    query = select(Authorization).where(Authorization.id == authorization_id).options(_WITH_OWNER)
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def of_card(card_id: str, window: Window) -> Page[Authorization]:
    """Return the authorizations of one card, newest first."""
    query = select(Authorization).where(Authorization.card_id == card_id)
    return page(query, [Authorization.created_at, Authorization.id], window)


def search(user_id: str | None, window: Window) -> Page[Authorization]:
    """Return authorizations, newest first, narrowed to the cards of a user."""
    query = select(Authorization)
    if user_id is not None:
        query = query.join(Account, Account.id == Authorization.account_id).join(AccountHolder)
        query = query.where(AccountHolder.user_id == user_id)
    return page(query, [Authorization.id], window)


def used_since(card_id: str, since: datetime, now: datetime) -> int:
    """Return what was authorized with a card since a time and is held or was taken, in minor units."""
    held = and_(Authorization.status == PENDING, Authorization.expires_at > now)
    used = case((held, Authorization.amount), else_=Authorization.captured_amount)
    query = select(func.coalesce(func.sum(used), 0))
    return int(db.session.scalar(query.where(Authorization.card_id == card_id, Authorization.created_at >= since)) or 0)


def release_overdue(account_ids: Sequence[str], now: datetime) -> Sequence[tuple[str, int]]:
    """Expire the overdue holds on accounts, which must be locked; return account and amount of each."""
    released = db.session.execute(_RELEASE_OVERDUE, {"account_ids": account_ids, "now": now})
    return [(row.account_id, row.amount) for row in released]


def accounts_with_overdue(now: datetime) -> Sequence[str]:
    """Return the ids of the accounts that have overdue holds."""
    query = select(Authorization.account_id).where(Authorization.status == PENDING, Authorization.expires_at <= now)
    return db.session.scalars(query.distinct().order_by(Authorization.account_id)).all()
