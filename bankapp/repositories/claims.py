"""The begin of a command: its claim and its pending audit row, stored before any money moves.

One interface, one module per dialect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from bankapp import db
from bankapp.repositories import claims_postgresql, claims_sqlite
from bankapp.repositories.accounts import AccountNames, AccountState


@dataclass(frozen=True, slots=True)
class Begun:
    """A command that began. ``accounts`` is a snapshot of its accounts, or None where no snapshot was taken."""

    accounts: list[AccountState] | None


class _Claims(Protocol):
    def begin(
        self, key: dict[str, Any] | None, audit_row: dict[str, Any], names: AccountNames | None
    ) -> tuple[bool, list[AccountState] | None]: ...


def begin(key: dict[str, Any] | None, audit_row: dict[str, Any], names: AccountNames | None) -> Begun | None:
    """Store an idempotency key and a pending audit row. Store neither and return None if the key is claimed.

    ``key`` is None where the request has no key. The rows have the columns by name. PostgreSQL also reads the
    accounts in ``names``, in the same statement. SQLite does not: there, an account may change between this
    statement and the transaction that moves the money.
    """
    dialect: _Claims = db.for_dialect(sqlite=claims_sqlite, postgresql=claims_postgresql)
    is_begun, accounts = dialect.begin(key, audit_row, names)
    return Begun(accounts) if is_begun else None
