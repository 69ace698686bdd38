"""Users as an operator manages them: making staff, letting in, throwing out."""

from __future__ import annotations

from collections.abc import Callable

from bankapp import clock, database, errors
from bankapp.models import User
from bankapp.repositories import sessions, users
from bankapp.services import audit
from bankapp.services.identity import auth, passwords


def create(email: str, password: str, role: str, *, operator: str) -> User:
    """Create a user with a role. Raises EmailTaken, or ValidationFailed for a guessable password."""
    passwords.check(password, email)
    hashed = passwords.hashed(password)

    def create() -> User:
        user = auth.create_user(email, hashed, role)
        _record(user, operator, change="create", role=role)
        return user

    return database.run(create)


def disable(email: str, *, operator: str) -> User:
    """Throw a user out and keep them out: every session ends at once. Raises NotFound or StateConflict."""
    return _set_status(email, "disabled", operator, change="disable")


def enable(email: str, *, operator: str) -> User:
    """Let a disabled user sign in again. Raises NotFound or StateConflict."""
    return _set_status(email, "active", operator, change="enable")


def set_role(email: str, role: str, *, operator: str) -> User:
    """Give a user another role and end every session, so that none keeps the old one.

    Raises NotFound or StateConflict.
    """

    def work(user: User) -> None:
        if user.role == role:
            raise errors.StateConflict(f"The user is {role} already.")
        before, user.role = user.role, role
        count = sessions.revoke_all(user.id, clock.now())
        _record(user, operator, change="role", before=before, role=role, sessions_revoked=count)

    return _change(email, work)


def _set_status(email: str, status: str, operator: str, *, change: str) -> User:
    def work(user: User) -> None:
        if user.status == status:
            raise errors.StateConflict(f"The user is {status} already.")
        user.status = status
        count = sessions.revoke_all(user.id, clock.now())
        _record(user, operator, change=change, sessions_revoked=count)

    return _change(email, work)


def _change(email: str, work: Callable[[User], None]) -> User:
    def change() -> User:
        found = users.by_email(auth.fold_email(email))
        user = users.lock(found.id) if found else None
        if user is None:
            raise errors.NotFound("There is no user with this e-mail address.")
        work(user)
        return user

    return database.run(change)


def _record(user: User, operator: str, **facts: object) -> None:
    # Nobody of the bank's own users acts here: the row has no user_id, and says who ran the command.
    audit.record(
        "user_change",
        resource_type="user",
        resource_id=user.id,
        metadata={"operator": operator, "customer_id": user.id} | facts,
    )
