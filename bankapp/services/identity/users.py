"""Management of users by an operator. ``operator`` is the name that the audit row records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bankapp import clock, db, errors
from bankapp.models import UserRecord
from bankapp.repositories import api_keys, sessions, users
from bankapp.services import audit
from bankapp.services.identity import auth, passwords


def create(email: str, password: str, role: str, *, operator: str) -> UserRecord:
    """Create a user with a role and return it. Raises EmailTaken, or ValidationFailed for a guessable password."""
    passwords.check(password, email)
    hashed = passwords.hashed(password)

    def create() -> UserRecord:
        user = auth.create_user(email, hashed, role)
        _record(user, operator, change="create", role=role)
        return user

    return db.run(create)


def disable(email: str, *, operator: str) -> UserRecord:
    """Disable a user, end every session and revoke every API key at once.

    Raises NotFound, or StateConflict for a disabled user.
    """
    return _set_status(email, "disabled", operator, change="disable")


def enable(email: str, *, operator: str) -> UserRecord:
    """Let a disabled user sign in again. Raises NotFound, or StateConflict for an active user."""
    return _set_status(email, "active", operator, change="enable")


def set_role(email: str, role: str, *, operator: str) -> UserRecord:
    """Give a user another role, end every session and revoke every API key, so that nothing has the old role.

    Raises NotFound, or StateConflict when the user already has the role.
    """

    def facts(user: UserRecord) -> dict[str, str]:
        if user.role == role:
            raise errors.StateConflict(f"The user is already {role}.")
        return {"change": "role", "before": user.role, "role": role}

    return _change(email, {"role": role}, facts, operator)


def _set_status(email: str, status: str, operator: str, *, change: str) -> UserRecord:
    def facts(user: UserRecord) -> dict[str, str]:
        if user.status == status:
            raise errors.StateConflict(f"The user is already {status}.")
        return {"change": change}

    return _change(email, {"status": status}, facts, operator)


def _change(
    email: str, values: dict[str, Any], facts: Callable[[UserRecord], dict[str, str]], operator: str
) -> UserRecord:
    """Change columns of a user, end every session and revoke every API key.

    ``facts`` checks the user and returns the audit metadata.
    """

    def change() -> UserRecord:
        found = auth.find_user(email)
        user = users.lock(found.id) if found else None
        if user is None:
            raise errors.NotFound("There is no user with this e-mail address.")
        metadata = facts(user)
        users.change(user.id, **values)
        now = clock.now()
        revoked = {"sessions_revoked": sessions.revoke_all(user.id, now)}
        revoked["api_keys_revoked"] = api_keys.revoke_all(user.id, now)
        _record(user, operator, **metadata, **revoked)
        return user._replace(**values)

    return db.run(change)


def _record(user: UserRecord, operator: str, **facts: object) -> None:
    # The operator is not a user of the bank, so the row has no user_id.
    audit.record(
        "user_change",
        resource_type="user",
        resource_id=user.id,
        metadata={"operator": operator, "customer_id": user.id} | facts,
    )
