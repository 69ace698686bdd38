"""What rules and legs need to know of accounts, under a lock or at a look."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, or_, select

from bankapp import connections
from bankapp.models import Account, AccountHolder
from bankapp.models.account import CASH
from bankapp.models.types import Id


@cache
def _accounts(ids: int, numbers: int = 0) -> Select[*tuple[Any, ...]]:
    columns = (
        Account.id,
        Account.number,
        AccountHolder.user_id,
        Account.status,
        Account.currency,
        Account.balance,
        Account.held,
        Account.sequence,
        Account.last_posted_at,
    )
    by_id = Account.id.in_([bindparam(f"id_{at}", type_=Id) for at in range(ids)])
    by_number = Account.number.in_([bindparam(f"number_{at}") for at in range(numbers)])
    named = or_(by_id, by_number) if numbers else by_id
    return select(*columns).join_from(Account, AccountHolder).where(named, Account.type != CASH)


@cache
def _locking(count: int) -> Select[*tuple[Any, ...]]:
    return _accounts(count).order_by(Account.id).with_for_update(key_share=True, of=Account)


class Look:
    """Customers' accounts as they are now, and in a moment may not be any more.

    It is taken when it is asked for, or before that, along with another statement (see ``attempts.begin``).
    """

    def __init__(self, ids: Sequence[str], numbers: Sequence[str]) -> None:
        self.query = _accounts(len(ids), len(numbers))
        self.parameters = _numbered("id", ids) | _numbered("number", numbers)
        self.taken: Sequence[Any] | None = None

    def rows(self) -> Sequence[Any]:
        """Return what was seen. Whoever asks again, because something came in between, gets a new look."""
        taken, self.taken = self.taken, None
        return connections.rows(self.query, self.parameters) if taken is None else taken


def lock(ids: Iterable[str]) -> Sequence[Any]:
    """Lock customers' accounts in the order of their ids, and return what :class:`Look` sees of each.

    PostgreSQL locks the rows; on SQLite the transaction began IMMEDIATE and excludes every writer.
    """
    wanted = sorted(ids)
    if not wanted:
        return []
    # Filled up to a power of two, so that a few statements serve every length of list.
    size = 1 << (len(wanted) - 1).bit_length()
    return connections.rows(_locking(size), _numbered("id", wanted + wanted[-1:] * (size - len(wanted))))


def _numbered(name: str, values: Sequence[str]) -> dict[str, str]:
    return {f"{name}_{at}": value for at, value in enumerate(values)}
