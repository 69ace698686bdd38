"""The audit log of sensitive actions, and the seals that reveal tampering with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Json, Model, PrimaryKey, UtcDateTime, one_of

PENDING: Final = "pending"
SUCCESS: Final = "success"
FAILURE: Final = "failure"

_BY_KEY: Final = text("api_key_id IS NOT NULL")


class AuditLog(Model):
    """One sensitive action. ``pending`` becomes ``success`` or ``failure`` once; after that the row is immutable.

    ``details`` is the column ``metadata``, a name that the declarative base reserves. ``api_key_id`` is the API key
    that the action was taken with, or null. It is no foreign key: each row of a busy key would lock the row of the key.
    """

    __tablename__ = "audit_logs"
    __table_args__ = (
        one_of("status", PENDING, SUCCESS, FAILURE),
        CheckConstraint(f"(status = '{PENDING}') = (finished_at IS NULL)", name="finished"),
        Index(None, "user_id", "created_at", "id"),
        Index(None, "api_key_id", "created_at", "id", postgresql_where=_BY_KEY, sqlite_where=_BY_KEY),
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
    api_key_id: Mapped[str | None] = mapped_column(Id)


class AuditLogRecord(NamedTuple):
    """An audit row as it was read, with the name of its API key, which never changes."""

    id: str
    user_id: str | None
    event_type: str
    resource_type: str | None
    resource_id: str | None
    status: str
    ip_address: str | None
    device_id: str | None
    request_id: str | None
    details: dict[str, Any]
    created_at: datetime
    api_key_id: str | None
    api_key_name: str | None


class PendingRecord(NamedTuple):
    """An audit row without outcome as it was read."""

    id: str
    event_type: str
    resource_id: str | None
    details: dict[str, Any]


class AuditSeal(Model):
    """One link of the chain over finished audit rows, in the order in which they were sealed.

    ``row_digest`` is the SHA-256 of the row. ``digest`` is the SHA-256 of the previous link's digest and
    ``row_digest``.
    """

    __tablename__ = "audit_seals"
    __table_args__ = (CheckConstraint("position >= 1", name="position_positive"),)

    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    audit_log_id: Mapped[str] = mapped_column(Id, ForeignKey("audit_logs.id"), unique=True)
    row_digest: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AuditSealRecord(NamedTuple):
    """The end of the chain of seals as it was read."""

    position: int
    digest: str
