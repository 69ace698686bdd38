"""SELECT statements for records: their columns are the fields of a record, in the same order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select


def select_record(record: Any, table: Any, **others: Any) -> Select[Any]:
    """Return a SELECT of the fields of ``record`` (a NamedTuple class) from ``table`` (a model).

    ``others`` are expressions for fields that are not columns of ``table``.
    """
    return select(*(others[name].label(name) if name in others else getattr(table, name) for name in record._fields))
