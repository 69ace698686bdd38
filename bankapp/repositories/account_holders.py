"""Queries on account holders."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, func, update

from bankapp import db, errors
from bankapp.listing import Owner, Page, Window
from bankapp.models import AccountHolder, AccountHolderRecord, User
from bankapp.repositories.listing import of_owner, page
from bankapp.repositories.selecting import select_record

_HOLDERS = select_record(AccountHolderRecord, AccountHolder, email=User.email).join_from(AccountHolder, User)
_BY_ID = _HOLDERS.where(AccountHolder.id == bindparam("holder_id"))
_LOCK = _BY_ID.with_for_update(key_share=True, of=AccountHolder)
_OF_USER = _HOLDERS.where(AccountHolder.user_id == bindparam("user_id"))


def add(row: dict[str, Any]) -> None:
    """Store a new account holder; ``row`` has the columns by name. Raises AccountHolderExists if the user has one."""
    try:
        db.insert(AccountHolder, row)
    except db.ConstraintViolated as problem:
        if problem.is_of("uq_account_holders_user_id", "account_holders.user_id"):
            raise errors.AccountHolderExists("You are already an account holder.") from problem
        raise


def get(holder_id: str) -> AccountHolderRecord | None:
    """Return the account holder with this id, or None."""
    return db.one(_BY_ID, {"holder_id": holder_id}, record=AccountHolderRecord)


def lock(holder_id: str) -> AccountHolderRecord | None:
    """Lock the account holder with this id until the transaction ends and return it, or None."""
    return db.one(_LOCK, {"holder_id": holder_id}, record=AccountHolderRecord)


def change(holder_id: str, values: dict[str, Any]) -> None:
    """Change columns of a locked account holder; ``values`` are by column name."""
    db.change(update(AccountHolder).where(AccountHolder.id == holder_id).values(values))


def of_user(user_id: str) -> AccountHolderRecord | None:
    """Return the account holder of a user, or None."""
    return db.one(_OF_USER, {"user_id": user_id}, record=AccountHolderRecord)


def search(owner: Owner | None, email: str | None, name: str | None, window: Window) -> Page[AccountHolderRecord]:
    """Return account holders, newest first, filtered by owner, exact e-mail address and a part of the full name."""
    query = of_owner(_HOLDERS, owner, None)
    if email is not None:
        query = query.where(User.email == email)
    if name is not None:
        full_name = func.lower(AccountHolder.first_name + " " + AccountHolder.last_name)
        query = query.where(full_name.contains(name.lower(), autoescape=True))
    return page(query, [AccountHolder.id], window, AccountHolderRecord)
