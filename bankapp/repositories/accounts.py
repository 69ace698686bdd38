"""Queries on accounts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Select, bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from bankapp import connections
from bankapp.extensions import db
from bankapp.listing import Page, Window
from bankapp.models import Account, AccountHolder, AccountView
from bankapp.models.account import CASH
from bankapp.repositories.listing import page


def add(account: Account) -> bool:
    """Store a new account; False when its number (or id) is taken and nothing was stored."""
    try:
        with db.session.begin_nested():
            db.session.add(account)
    except IntegrityError:
        return False
    return True


def exists(account_id: str) -> bool:
    """Tell whether an account has this id, the bank's own included."""
    return db.session.scalar(select(Account.id).where(Account.id == account_id)) is not None


_OWNER = (
    select(AccountHolder.user_id)
    .join_from(Account, AccountHolder)
    .where(Account.id == bindparam("account_id"), Account.type != CASH)
)
_VIEW: Select[*tuple[Any, ...]] = (
    select(
        Account.id,
        Account.number,
        Account.type,
        Account.currency,
        Account.balance,
        Account.available_balance.label("available_balance"),
        Account.status,
        Account.created_at,
        Account.holder_id,
        AccountHolder.user_id,
        AccountHolder.first_name,
        AccountHolder.last_name,
    )
    .join_from(Account, AccountHolder)
    .where(Account.id == bindparam("account_id"), Account.type != CASH)
)


def owner(account_id: str) -> str | None:
    """Return the id of the user whose account this is."""
    found = connections.read(_OWNER, {"account_id": account_id})
    return str(found[0].user_id) if found else None


def get(account_id: str) -> AccountView | None:
    """Return a customer's account with its holder, to look at."""
    found = connections.read(_VIEW, {"account_id": account_id})
    return AccountView._make(found[0]) if found else None


def lock(account_id: str) -> Account | None:
    """Return a customer's account with its holder, locked until the transaction ends."""
    query = select(Account).where(Account.id == account_id, Account.type != CASH)
    query = query.options(joinedload(Account.holder)).with_for_update(key_share=True, of=Account)
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def ids_of_numbers(numbers: Iterable[str]) -> Sequence[str]:
    """Return the ids of the customers' accounts with these IBANs; an unknown one is left out."""
    wanted = set(numbers)
    query = select(Account.id).where(Account.number.in_(wanted), Account.type != CASH)
    return db.session.scalars(query).all() if wanted else []


def ids_of_user(user_id: str) -> Sequence[str]:
    """Return the ids of a user's accounts."""
    query = select(Account.id).join(AccountHolder).where(AccountHolder.user_id == user_id)
    return db.session.scalars(query).all()


def of_user(user_id: str) -> Sequence[Account]:
    """Return a user's accounts, oldest first."""
    query = select(Account).join(AccountHolder).where(AccountHolder.user_id == user_id)
    return db.session.scalars(query.order_by(Account.id)).all()


def search(user_id: str | None, window: Window) -> Page[Account]:
    """Return customers' accounts, newest first, narrowed to those of a user."""
    query = select(Account).where(Account.type != CASH)
    if user_id is not None:
        query = query.join(AccountHolder).where(AccountHolder.user_id == user_id)
    return page(query, [Account.id], window)
