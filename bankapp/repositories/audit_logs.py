"""Queries on the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, select, update

from bankapp import connections
from bankapp.listing import Page, Window
from bankapp.models import AuditLog
from bankapp.models.audit_log import PENDING
from bankapp.repositories import bulk
from bankapp.repositories.listing import page

_ADD = insert(AuditLog.__table__)  # type: ignore[arg-type]  # FromClause in the stubs, a Table in fact
FINISH = (
    update(AuditLog.__table__)  # type: ignore[arg-type]  # as above
    .where(AuditLog.__table__.c.id == bindparam("row_id"), AuditLog.__table__.c.status == PENDING)
    .values(
        status=bindparam("new_status"),
        resource_id=bindparam("new_resource_id"),
        metadata=bindparam("new_metadata"),
        finished_at=bindparam("new_finished_at"),
    )
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of the pending row ``row_id``."""

    row_id: str
    status: str
    resource_id: str | None
    metadata: dict[str, Any]
    finished_at: datetime

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of ``FINISH``."""
        return {
            "row_id": self.row_id,
            "new_status": self.status,
            "new_resource_id": self.resource_id,
            "new_metadata": self.metadata,
            "new_finished_at": self.finished_at,
        }


def add(row: dict[str, Any]) -> None:
    """Store a new audit row; ``row`` has its columns by name."""
    connections.change(_ADD, row)


def add_all(rows: Sequence[dict[str, Any]]) -> None:
    """Store many new audit rows, as :func:`add` does one."""
    bulk.insert({"audit_logs": rows})


def finish(outcome: Outcome) -> bool:
    """Finish a pending row; False when it is not there, or finished already, which it then stays."""
    return connections.change(FINISH, outcome.parameters()) == 1


def search(
    user_id: str | None,
    event_type: str | None,
    start: datetime | None,
    end: datetime | None,
    window: Window,
) -> Page[AuditLog]:
    """Return audit rows, newest first, narrowed by user, event type and a span of time (both ends included)."""
    query = select(AuditLog)
    if user_id is not None:
        query = query.where(AuditLog.user_id == user_id)
    if event_type is not None:
        query = query.where(AuditLog.event_type == event_type)
    if start is not None:
        query = query.where(AuditLog.created_at >= start)
    if end is not None:
        query = query.where(AuditLog.created_at <= end)
    return page(query, [AuditLog.created_at, AuditLog.id], window)
