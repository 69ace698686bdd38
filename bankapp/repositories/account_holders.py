"""Queries on account holders."""

from __future__ import annotations

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import contains_eager

from bankapp import driver_errors, errors
from bankapp.extensions import db
from bankapp.listing import Page, Window
from bankapp.models import AccountHolder, User
from bankapp.repositories.listing import page


def add(holder: AccountHolder) -> None:
    """Store a new account holder. Raises AccountHolderExists when the user has one."""
    db.session.add(holder)
    try:
        db.session.flush()
    except IntegrityError as problem:
        if driver_errors.violates(problem, "uq_account_holders_user_id", "account_holders.user_id"):
            raise errors.AccountHolderExists("You already are an account holder.") from problem
        raise


def get(holder_id: str) -> AccountHolder | None:
    """Return the account holder with this id."""
    return db.session.get(AccountHolder, holder_id)


def lock(holder_id: str) -> AccountHolder | None:
    """Return the account holder with this id, locked until the transaction ends."""
    return db.session.get(AccountHolder, holder_id, with_for_update=True, populate_existing=True)


def of_user(user_id: str) -> AccountHolder | None:
    """Return the account holder that a user is."""
    return db.session.scalars(select(AccountHolder).where(AccountHolder.user_id == user_id)).one_or_none()


def search(user_id: str | None, email: str | None, name: str | None, window: Window) -> Page[AccountHolder]:
    """Return account holders, newest first, narrowed by user, exact e-mail, and a part of the full name."""
    query = select(AccountHolder).join(AccountHolder.user).options(contains_eager(AccountHolder.user))
    if user_id is not None:
        query = query.where(AccountHolder.user_id == user_id)
    if email is not None:
        query = query.where(User.email == email)
    if name is not None:
        full_name = func.lower(AccountHolder.first_name + " " + AccountHolder.last_name)
        query = query.where(full_name.contains(name.lower(), autoescape=True))
    return page(query, [AccountHolder.id], window)
