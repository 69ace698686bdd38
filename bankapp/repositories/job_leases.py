"""Queries on the leases of jobs. Each function runs one statement; every time is the database's."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import String, bindparam, null, or_, update

from bankapp import db
from bankapp.models import JobLease, JobLeaseRecord
from bankapp.models.database_time import database_time
from bankapp.models.job_lease import FAILURE, SUCCESS
from bankapp.models.types import Id, UtcDateTime
from bankapp.repositories.selecting import select_record

_TABLE: Any = JobLease.__table__
_LEASE = _TABLE.c
_BY_NAME = (_LEASE.name == bindparam("job"),)
_HOLDER = bindparam("worker", type_=Id)
_LEASED_UNTIL = database_time("lease_seconds")

DETAIL_LENGTH: Final[int] = _LEASE.last_detail.type.length
ALWAYS_DUE: Final = datetime(2000, 1, 1, tzinfo=UTC)

_ALL = select_record(JobLeaseRecord, JobLease, now=database_time())
_ONE = _ALL.where(*_BY_NAME)
_TAKE = (
    update(_TABLE)
    .where(*_BY_NAME, _LEASE.due_at == bindparam("read_due_at", type_=UtcDateTime))
    .where(or_(_LEASE.holder.is_(None), _LEASE.holder == _HOLDER, _LEASE.leased_until <= database_time()))
    .values(holder=_HOLDER, leased_until=_LEASED_UNTIL, last_started_at=database_time())
)
_RENEW = update(_TABLE).where(_LEASE.holder == _HOLDER).values(leased_until=_LEASED_UNTIL).returning(_LEASE.name)
_RELEASE = update(_TABLE).where(*_BY_NAME, _LEASE.holder == _HOLDER).values(holder=null(), leased_until=null())


@cache
def _finish(succeeded: bool, keeps_lease: bool) -> Any:
    values: dict[str, Any] = {
        "due_at": database_time("due_in_seconds"),
        "last_finished_at": database_time(),
        "last_outcome": SUCCESS if succeeded else FAILURE,
        "last_detail": bindparam("detail", type_=String),
    }
    values |= {"last_success_at": database_time()} if succeeded else {"failures": _LEASE.failures + 1}
    values |= {"leased_until": _LEASED_UNTIL} if keeps_lease else {"holder": null(), "leased_until": null()}
    return update(_TABLE).where(*_BY_NAME, _LEASE.holder == _HOLDER).values(values)


def get(job: str) -> JobLeaseRecord | None:
    """Return the lease of a job, or None for a job that no worker has seen."""
    return db.one(_ONE, {"job": job}, record=JobLeaseRecord)


def get_all() -> list[JobLeaseRecord]:
    """Return the leases of all jobs that a worker has seen."""
    return db.rows(_ALL, {}, record=JobLeaseRecord)


def add(job: str) -> None:
    """Add the row of a job, which is due; nothing happens if the row exists."""
    db.insert(JobLease, {"name": job, "due_at": ALWAYS_DUE, "failures": 0}, ignore_conflict=True)


def take(job: str, worker: str, lease_seconds: float, read_due_at: datetime) -> bool:
    """Give a job's lease to a worker; False if another worker has the lease, or ran the job since it was read."""
    taken = {"job": job, "worker": worker, "lease_seconds": lease_seconds, "read_due_at": read_due_at}
    return db.change(_TAKE, taken) == 1


def renew(worker: str, lease_seconds: float) -> set[str]:
    """Prolong all leases of a worker, and return the names of their jobs."""
    return {row.name for row in db.rows(_RENEW, {"worker": worker, "lease_seconds": lease_seconds})}


def release(job: str, worker: str) -> None:
    """End the lease of a job, if the worker has it."""
    db.change(_RELEASE, {"job": job, "worker": worker})


def finish(
    job: str, worker: str, *, succeeded: bool, detail: str | None, due_in_seconds: float, lease_seconds: float | None
) -> bool:
    """Store how a job's step ended and when the job is due; None for ``lease_seconds`` ends the lease.

    Returns False, and stores nothing, if the worker lost the lease.
    """
    values: dict[str, Any] = {"job": job, "worker": worker, "detail": detail, "due_in_seconds": due_in_seconds}
    if lease_seconds is not None:
        values["lease_seconds"] = lease_seconds
    return db.change(_finish(succeeded, lease_seconds is not None), values) == 1
