"""Queries on users."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, update

from bankapp import db, errors
from bankapp.models import User, UserRecord
from bankapp.repositories.selecting import select_record

_USERS = select_record(UserRecord, User)
_BY_ID = _USERS.where(User.id == bindparam("user_id"))
# FOR NO KEY UPDATE: other transactions may insert rows that refer to the user (audit log, sessions).
_LOCK = _BY_ID.with_for_update(key_share=True)
_BY_EMAIL = _USERS.where(User.email == bindparam("email"))


def add(user: UserRecord) -> None:
    """Store a new user. Raises EmailTaken, also when a concurrent request took the address."""
    try:
        db.insert(User, user._asdict())
    except db.ConstraintViolated as problem:
        if problem.is_of("uq_users_email", "users.email"):
            raise errors.EmailTaken("This e-mail address already has an account.") from problem
        raise


def get(user_id: str) -> UserRecord | None:
    """Return the user with this id, or None."""
    return db.one(_BY_ID, {"user_id": user_id}, record=UserRecord)


def lock(user_id: str) -> UserRecord | None:
    """Lock the user with this id until the transaction ends and return it, or None."""
    return db.one(_LOCK, {"user_id": user_id}, record=UserRecord)


def by_email(email: str) -> UserRecord | None:
    """Return the user with this case-folded e-mail address, or None."""
    return db.one(_BY_EMAIL, {"email": email}, record=UserRecord)


def change(user_id: str, **values: Any) -> None:
    """Change columns of a locked user; ``values`` are by column name."""
    db.change(update(User).where(User.id == user_id).values(values))
