"""Keyset pages: the rows after a position, newest first, stable while rows are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import Select, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute, aliased

from bankapp.extensions import db
from bankapp.listing import Page, Window

M = TypeVar("M")


def page(query: Select[M], keys: Sequence[InstrumentedAttribute[Any]], window: Window) -> Page[M]:
    """Return the page of ``query`` in descending order of ``keys``, which must be unique together."""
    rows = db.session.scalars(_limited(query, keys, window)).all()
    return _page(rows, keys, window)


def page_of_union(
    model: type[M],
    queries: Sequence[Select[M]],
    keys: Sequence[InstrumentedAttribute[Any]],
    window: Window,
) -> Page[M]:
    """Return the page over several queries of one model, each read from its own index only as far as needed."""
    if not queries:
        return Page([], None)
    parts = [_limited(query, keys, window).subquery() for query in queries]
    found = aliased(model, union_all(*(select(part) for part in parts)).subquery())
    order = [getattr(found, key.key).desc() for key in keys]
    rows = db.session.scalars(select(found).order_by(*order).limit(window.limit + 1)).all()
    return _page(rows, keys, window)


def _limited(query: Select[M], keys: Sequence[InstrumentedAttribute[Any]], window: Window) -> Select[M]:
    if window.after is not None:
        if len(keys) == 1:
            query = query.where(keys[0] < window.after[0])
        else:
            typed = tuple_(*keys)
            query = query.where(typed < tuple_(*window.after, types=[key.type for key in keys]))
    return query.order_by(*(key.desc() for key in keys)).limit(window.limit + 1)


def _page(rows: Sequence[M], keys: Sequence[InstrumentedAttribute[Any]], window: Window) -> Page[M]:
    items = rows[: window.limit]
    more = len(rows) > window.limit
    return Page(items, tuple(getattr(items[-1], key.key) for key in keys) if more else None)
