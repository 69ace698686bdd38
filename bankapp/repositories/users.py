"""Queries on users."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from bankapp import driver_errors, errors
from bankapp.extensions import db
from bankapp.models import User


def add(user: User) -> None:
    """Store a new user. Raises EmailTaken, also when somebody else was faster by an instant."""
    db.session.add(user)
    try:
        db.session.flush()
    except IntegrityError as problem:
        if driver_errors.violates(problem, "uq_users_email", "users.email"):
            raise errors.EmailTaken("This e-mail address already has an account.") from problem
        raise


def get(user_id: str) -> User | None:
    """Return the user with this id."""
    return db.session.get(User, user_id)


def lock(user_id: str) -> User | None:
    """Lock the user with this id until the transaction ends, and return them as they are now."""
    # Without their key: rows that refer to the user (audit log, sessions) are written meanwhile.
    query = select(User).where(User.id == user_id).with_for_update(key_share=True)
    return db.session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def by_email(email: str) -> User | None:
    """Return the user with this case-folded e-mail address."""
    return db.session.scalars(select(User).where(User.email == email)).one_or_none()
