"""Lists: the rows of an owner, and keyset pages: the rows after a position, newest first.

Pages stay stable while rows are added.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, false, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute

from bankapp import db
from bankapp.listing import Owner, Page, Window
from bankapp.models import AccountHolder

Keys = Sequence[InstrumentedAttribute[Any]]


def of_owner(query: Select[Any], owner: Owner | None, account_id: InstrumentedAttribute[Any] | None) -> Select[Any]:
    """Return ``query``, which selects from account holders, narrowed to an owner's rows (None: all rows).

    ``account_id`` is the column of the row's account, or None for rows that belong to no account: an owner who is
    limited to some accounts has none of these.
    """
    if owner is None:
        return query
    query = query.where(AccountHolder.user_id == owner.user_id)
    if owner.account_ids is None:
        return query
    return query.where(false() if account_id is None else account_id.in_(owner.account_ids))


def page(query: Select[Any], keys: Keys, window: Window, record: Any) -> Page[Any]:
    """Return the page of ``query``, as records, in descending order of ``keys``, which must be unique together."""
    return _page(db.rows(_limited(query, keys, window), record=record), keys, window)


def page_of_union(queries: Sequence[Select[Any]], keys: Keys, window: Window, record: Any) -> Page[Any]:
    """Return one page over several queries of the same columns; each query reads at most a page of its index."""
    if not queries:
        return Page([], None)
    parts = [_limited(query, keys, window).subquery() for query in queries]
    union = union_all(*(select(part) for part in parts)).subquery()
    order = [union.c[key.key].desc() for key in keys]
    return _page(db.rows(select(union).order_by(*order).limit(window.limit + 1), record=record), keys, window)


def _limited(query: Select[Any], keys: Keys, window: Window) -> Select[Any]:
    if window.after is not None:
        if len(keys) == 1:
            query = query.where(keys[0] < window.after[0])
        else:
            query = query.where(tuple_(*keys) < tuple_(*window.after, types=[key.type for key in keys]))
    return query.order_by(*(key.desc() for key in keys)).limit(window.limit + 1)


def _page(rows: Sequence[Any], keys: Keys, window: Window) -> Page[Any]:
    items = rows[: window.limit]
    has_more = len(rows) > window.limit
    return Page(items, tuple(getattr(items[-1], key.key) for key in keys) if has_more else None)
