"""Queries on the seals of the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, String, func, insert, select, type_coerce

from bankapp import db
from bankapp.models import AuditLog, AuditSeal
from bankapp.models.audit_log import PENDING, AuditSealRecord
from bankapp.repositories.selecting import select_record

_LOG = AuditLog.__table__.c


def last() -> AuditSealRecord | None:
    """Return the last seal of the chain, or None."""
    query = select_record(AuditSealRecord, AuditSeal).order_by(AuditSeal.position.desc()).limit(1)
    return db.one(query, record=AuditSealRecord)


def newest_id() -> str | None:
    """Return the greatest id of a sealed row, or None."""
    row_id: str | None = db.value(select(AuditSeal.audit_log_id).order_by(AuditSeal.audit_log_id.desc()).limit(1))
    return row_id


def unsealed(after: str, limit: int) -> Sequence[Row[Any]]:
    """Return finished rows without a seal as stored, with ids after ``after``, in the order of their ids."""
    query = select(*_as_stored()).outerjoin(AuditSeal, AuditSeal.audit_log_id == AuditLog.id)
    query = query.where(_LOG.id > after, _LOG.status != PENDING, AuditSeal.position.is_(None))
    return db.rows(query.order_by(_LOG.id).limit(limit))


def count_unsealed() -> int:
    """Return the number of finished rows without a seal."""
    query = select(func.count()).select_from(AuditLog)
    query = query.outerjoin(AuditSeal, AuditSeal.audit_log_id == AuditLog.id)
    return int(db.value(query.where(_LOG.status != PENDING, AuditSeal.position.is_(None))))


def count() -> int:
    """Return the number of seals."""
    return int(db.value(select(func.count()).select_from(AuditSeal)))


def add(rows: Sequence[dict[str, Any]]) -> None:
    """Store seals; ``rows`` have the columns by name. Raises ConstraintViolated if another run stored such a seal."""
    db.change(insert(AuditSeal), rows)


def chain() -> Iterator[Row[Any]]:
    """Yield the seals in the order of the chain, each with its audit row as stored (``id`` None: the row is gone)."""
    seal: list[Any] = [AuditSeal.position, AuditSeal.audit_log_id, AuditSeal.row_digest, AuditSeal.digest]
    query: Select[Any] = select(*seal, *_as_stored()).outerjoin(AuditLog, AuditLog.id == AuditSeal.audit_log_id)
    yield from db.stream(query.order_by(AuditSeal.position))


def _as_stored() -> list[ColumnElement[Any]]:
    # SQLite stores times and JSON as text, which tampering may have made invalid. It is read without conversion.
    texts = db.for_dialect(sqlite={"metadata", "created_at", "finished_at"}, postgresql=set())
    return [type_coerce(column, String).label(column.name) if column.name in texts else column for column in _LOG]
