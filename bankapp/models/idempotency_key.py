"""Idempotency keys: the claim of a request, and later its first answer."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import CheckConstraint, Index, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, UtcDateTime


class IdempotencyKey(Model):
    """A claimed key. ``scope`` is the SHA-256 of user, method, path and key; ``fingerprint`` that of the body.

    ``finished_at`` is null while the request runs. ``claim_id`` is a fencing token: only the attempt that holds the
    claim can finish it, in the transaction that moves the money.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        CheckConstraint(
            "(finished_at IS NULL) = (answer_status IS NULL) AND (finished_at IS NULL) = (answer_body IS NULL)",
            name="finished_with_answer",
        ),
        Index(None, "claimed_at"),
    )

    scope: Mapped[str] = mapped_column(String(64), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    claim_id: Mapped[str] = mapped_column(Id)
    claimed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    answer_status: Mapped[int | None] = mapped_column(SmallInteger)
    answer_media_type: Mapped[str | None] = mapped_column(String(64))
    answer_etag: Mapped[str | None] = mapped_column(String(20))
    answer_body: Mapped[bytes | None] = mapped_column(LargeBinary)


class IdempotencyKeyRecord(NamedTuple):
    """A claimed key as it was read; the fields of the answer are None while the request runs."""

    scope: str
    fingerprint: str
    claim_id: str
    claimed_at: datetime
    finished_at: datetime | None
    answer_status: int | None
    answer_media_type: str | None
    answer_etag: str | None
    answer_body: bytes | None
