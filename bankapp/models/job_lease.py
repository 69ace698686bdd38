"""The jobs of the worker: who runs each, when it is due, and how it ended."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, UtcDateTime, one_of

SUCCESS: Final = "success"
FAILURE: Final = "failure"


class JobLease(Model):
    """A job's lease, its next time and its last end. All times are the database's.

    ``holder`` is the worker that runs the job until ``leased_until``. ``last_finished_at``, ``last_outcome`` and
    ``last_detail`` are of the last step that was recorded. ``failures`` counts all failed steps.
    """

    __tablename__ = "job_leases"
    __table_args__ = (
        one_of("last_outcome", SUCCESS, FAILURE),
        CheckConstraint("(holder IS NULL) = (leased_until IS NULL)", name="lease_complete"),
    )

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    holder: Mapped[str | None] = mapped_column(Id)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_started_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_success_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_outcome: Mapped[str | None] = mapped_column(String(7))
    last_detail: Mapped[str | None] = mapped_column(String(200))
    failures: Mapped[int] = mapped_column(BigInteger)


class JobLeaseRecord(NamedTuple):
    """A job's lease as it was read at the database's time ``now``."""

    name: str
    holder: str | None
    leased_until: datetime | None
    due_at: datetime
    last_success_at: datetime | None
    last_outcome: str | None
    last_detail: str | None
    failures: int
    now: datetime
