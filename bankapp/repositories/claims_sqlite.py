"""The begin of a command on SQLite: two statements in one transaction."""

from __future__ import annotations

from typing import Any

from bankapp import db
from bankapp.models import AuditLog, IdempotencyKey
from bankapp.repositories.accounts import AccountNames


def begin(key: dict[str, Any] | None, audit_row: dict[str, Any], names: AccountNames | None) -> tuple[bool, None]:  # noqa: ARG001 - see claims.begin
    """Implement :func:`bankapp.repositories.claims.begin`; no snapshot of accounts is taken."""
    if key is not None and not db.insert(IdempotencyKey, key, ignore_conflict=True):
        return False, None
    db.insert(AuditLog, audit_row)
    return True, None
