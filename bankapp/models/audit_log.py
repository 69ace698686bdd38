"""The audit log: who did what, from where, with what outcome."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Json, Model, PrimaryKey, UtcDateTime, one_of

PENDING: Final = "pending"
SUCCESS: Final = "success"
FAILURE: Final = "failure"


class AuditLog(Model):
    """One sensitive action. ``pending`` may become ``success`` or ``failure`` once; then nothing changes.

    ``details`` is the column ``metadata`` (a name the declarative base keeps for itself).
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        one_of("status", PENDING, SUCCESS, FAILURE),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "resource_id"),
    )

    id: Mapped[PrimaryKey]
    user_id: Mapped[str | None] = mapped_column(Id, ForeignKey("users.id"))
    event_type: Mapped[str] = mapped_column(String(32))
    resource_type: Mapped[str | None] = mapped_column(String(32))
    resource_id: Mapped[str | None] = mapped_column(Id)
    status: Mapped[str] = mapped_column(String(16))
    ip_address: Mapped[str | None] = mapped_column(String(45))
    device_id: Mapped[str | None] = mapped_column(String(128))
    request_id: Mapped[str | None] = mapped_column(String(64))
    details: Mapped[dict[str, Any]] = mapped_column("metadata", Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
