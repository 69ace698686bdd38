"""The end of a command: its postings, the outcome of its audit row and the remembered answer, stored in one step.

One interface, one module per dialect. Only the ledger imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bankapp import db
from bankapp.repositories import postings_postgresql, postings_sqlite

Rows = Sequence[Mapping[str, Any]]
"""Rows of one table: columns by name, ids as strings, times aware."""

Tables = Mapping[str, Rows]
"""Rows by table, in the order in which they are stored."""


class _Postings(Protocol):
    def store(self, tables: Tables, outcome: dict[str, Any], answered: dict[str, Any] | None) -> bool: ...

    def store_on_snapshot(
        self, tables: Tables, base: Rows, outcome: dict[str, Any], answered: dict[str, Any] | None
    ) -> bool: ...

    def add(self, tables: Tables) -> None: ...


def _dialect() -> _Postings:
    return db.for_dialect(sqlite=postings_sqlite, postgresql=postings_postgresql)


def store(tables: Tables, outcome: dict[str, Any], answered: dict[str, Any] | None) -> bool:
    """Store rows, finish the audit row and the key, in the open transaction; False when the attempt was given up.

    ``outcome`` and ``answered`` are the parameters of ``audit_logs.finish`` and ``idempotency_keys.finish``. The
    database moves the balances. Raises ConstraintViolated for legs that do not fit their accounts, and for legs
    that do not sum to zero.
    """
    return _dialect().store(tables, outcome, answered)


def store_on_snapshot(tables: Tables, base: Rows, outcome: dict[str, Any], answered: dict[str, Any] | None) -> bool:
    """Store as :func:`store` does, but in one statement that commits by itself, for legs decided without a lock.

    ``base`` are id, balance and sequence of the accounts as they were read. The statement locks the accounts in
    the order of their ids, and adds their changes since then to the legs. Stores nothing and returns False when
    the claim is lost. Raises ConstraintViolated where the changed accounts do not allow the legs. PostgreSQL only.
    """
    return _dialect().store_on_snapshot(tables, base, outcome, answered)


def add(tables: Tables) -> None:
    """Store rows without an audit row and a key, for loading and demo data. Raises as :func:`store`."""
    _dialect().add(tables)
