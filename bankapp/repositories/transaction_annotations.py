"""Queries on annotations."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, update

from bankapp import db
from bankapp.models import Annotation, AnnotationRecord
from bankapp.repositories.selecting import select_record

_OF_TRANSACTION = select_record(AnnotationRecord, Annotation).where(
    Annotation.transaction_id == bindparam("transaction_id")
)
_LOCK = _OF_TRANSACTION.with_for_update()


def get(transaction_id: str) -> AnnotationRecord | None:
    """Return the annotation of a transaction, or None if it never had one."""
    return db.one(_OF_TRANSACTION, {"transaction_id": transaction_id}, record=AnnotationRecord)


def lock(row: dict[str, Any]) -> AnnotationRecord:
    """Lock the annotation of a transaction until the database transaction ends; ``row`` is stored if there is none."""
    db.insert(Annotation, row, ignore_conflict=True)
    found = db.one(_LOCK, {"transaction_id": row["transaction_id"]}, record=AnnotationRecord)
    assert found is not None, "an annotation is never deleted"
    return found


def change(transaction_id: str, values: dict[str, Any]) -> None:
    """Change columns of a locked annotation; ``values`` are by column name."""
    db.change(update(Annotation).where(Annotation.transaction_id == transaction_id).values(values))
