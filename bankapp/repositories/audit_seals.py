"""Queries on the seals of the audit log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, Select, String, func, insert, select, type_coerce
from sqlalchemy.exc import IntegrityError

from bankapp import database
from bankapp.extensions import db
from bankapp.models import AuditLog, AuditSeal
from bankapp.models.audit_log import PENDING

FETCH_SIZE: Final = 1_000

_LOG = AuditLog.__table__.c


def last() -> AuditSeal | None:
    """Return the last seal of the chain."""
    return db.session.scalars(select(AuditSeal).order_by(AuditSeal.position.desc()).limit(1)).one_or_none()


def newest_id() -> str | None:
    """Return the greatest id of a sealed row."""
    return db.session.scalar(select(AuditSeal.audit_log_id).order_by(AuditSeal.audit_log_id.desc()).limit(1))


def unsealed(after: str, limit: int) -> Sequence[Row[Any]]:
    """Return finished rows without seal whose ids come after ``after``, as stored, in the order of their ids."""
    query = select(*_as_stored()).outerjoin(AuditSeal, AuditSeal.audit_log_id == AuditLog.id)
    query = query.where(_LOG.id > after, _LOG.status != PENDING, AuditSeal.position.is_(None))
    return db.session.execute(query.order_by(_LOG.id).limit(limit)).all()


def count_unsealed() -> int:
    """Return how many finished rows have no seal."""
    query = select(func.count()).select_from(AuditLog)
    query = query.outerjoin(AuditSeal, AuditSeal.audit_log_id == AuditLog.id)
    return db.session.scalars(query.where(_LOG.status != PENDING, AuditSeal.position.is_(None))).one()


def count() -> int:
    """Return how many seals there are."""
    return db.session.scalars(select(func.count()).select_from(AuditSeal)).one()


def add(rows: Sequence[dict[str, Any]]) -> bool:
    """Store seals; ``rows`` have their columns by name. False when somebody else sealed at the same time."""
    try:
        with db.session.begin_nested():
            db.session.execute(insert(AuditSeal), rows)
    except IntegrityError:
        return False
    return True


def chain() -> Iterator[Row[Any]]:
    """Yield the seals in the order of the chain, each with the row it seals as stored (its ``id`` None: gone)."""
    seal: list[Any] = [AuditSeal.position, AuditSeal.audit_log_id, AuditSeal.row_digest, AuditSeal.digest]
    query: Select[Any] = select(*seal, *_as_stored()).outerjoin(AuditLog, AuditLog.id == AuditSeal.audit_log_id)
    ordered = query.order_by(AuditSeal.position).execution_options(yield_per=FETCH_SIZE)
    for rows in db.session.execute(ordered).partitions():
        yield from rows


def _as_stored() -> list[ColumnElement[Any]]:
    # SQLite stores times and JSON as text that somebody may have made unreadable: it is read as it is.
    if not database.is_sqlite():
        return list(_LOG)
    unread = {"metadata", "created_at", "finished_at"}
    return [type_coerce(column, String).label(column.name) if column.name in unread else column for column in _LOG]
