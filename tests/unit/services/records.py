"""Records and contexts for tests of services that need no database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bankapp import context, ids
from bankapp.services.ledger import AccountState
from tests.support.databases import settings


def account(**changes: Any) -> AccountState:
    """Return an active, empty EUR account of a new user, but for ``changes``."""
    state = AccountState(ids.new(), f"DE{ids.digits(20)}", ids.new(), "active", "EUR", 0, 0, 0, None, "Ada Lovelace")
    return state._replace(**changes)


@contextmanager
def signed_in(
    role: str = context.CUSTOMER, *, user_id: str | None = None, account_ids: frozenset[str] | None = None
) -> Iterator[context.User]:
    """Open an application context in which a user is signed in, and yield that user."""
    user = context.User(user_id or ids.new(), role, ids.new(), ids.new(), account_ids)
    context.enter(settings("sqlite:///unused"))
    context.begin(context.Context(user=user))
    try:
        yield user
    finally:
        context.leave()
