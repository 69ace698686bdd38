"""Queries on the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, update

from bankapp import db
from bankapp.listing import Page, Window
from bankapp.models import ApiKey, AuditLog, AuditLogRecord
from bankapp.models.audit_log import PENDING, PendingRecord
from bankapp.repositories.listing import page
from bankapp.repositories.selecting import select_record

_TABLE: Any = AuditLog.__table__
FINISH = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("row_id"), _TABLE.c.status == PENDING)
    .values(
        status=bindparam("new_status"),
        resource_id=bindparam("new_resource_id"),
        metadata=bindparam("new_metadata"),
        finished_at=bindparam("new_finished_at"),
    )
)
"""Gives a pending row its outcome; its parameters are those of :func:`finish`."""


_SEARCHED = select_record(AuditLogRecord, AuditLog, api_key_name=ApiKey.name).outerjoin_from(
    AuditLog, ApiKey, ApiKey.id == AuditLog.api_key_id
)
_PENDING = select_record(PendingRecord, AuditLog).where(AuditLog.status == PENDING)
_PENDING_BY_ID = _PENDING.where(AuditLog.id == bindparam("row_id"))


def add(row: dict[str, Any]) -> None:
    """Store a new audit row; ``row`` has the fields of :class:`AuditLog` by column name."""
    db.insert(AuditLog, row)


def finish(outcome: dict[str, Any]) -> bool:
    """Finish a pending row. Change nothing and return False if the row does not exist or is already finished."""
    return db.change(FINISH, outcome) == 1


def pending(row_id: str) -> PendingRecord | None:
    """Return a row that has no outcome yet; None where it has one."""
    return db.one(_PENDING_BY_ID, {"row_id": row_id}, record=PendingRecord)


def pending_between(after: str, begun_before: datetime, limit: int) -> list[PendingRecord]:
    """Return rows without outcome whose ids come after ``after``, begun before a time, in the order of their ids."""
    query = _PENDING.where(AuditLog.id > after, AuditLog.created_at < begun_before)
    return db.rows(query.order_by(AuditLog.id).limit(limit), record=PendingRecord)


def search(
    window: Window,
    *,
    user_id: str | None,
    api_key_id: str | None,
    event_type: str | None,
    start: datetime | None,
    end: datetime | None,
) -> Page[AuditLogRecord]:
    """Return audit rows, newest first, filtered by user, API key, event type and period (both ends included)."""
    query = _SEARCHED
    if user_id is not None:
        query = query.where(AuditLog.user_id == user_id)
    if api_key_id is not None:
        query = query.where(AuditLog.api_key_id == api_key_id)
    if event_type is not None:
        query = query.where(AuditLog.event_type == event_type)
    if start is not None:
        query = query.where(AuditLog.created_at >= start)
    if end is not None:
        query = query.where(AuditLog.created_at <= end)
    return page(query, [AuditLog.created_at, AuditLog.id], window, AuditLogRecord)
