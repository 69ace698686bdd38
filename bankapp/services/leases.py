"""Leases: which worker runs a job now, and when the job is due again.

A lease saves work. It does not make a job right: a worker that hangs may go on after another took its lease. Every
comparison is made by the database's clock, because the clocks of machines differ. A worker measures only spans.
"""

from __future__ import annotations

from functools import partial

from bankapp import db
from bankapp.repositories import job_leases


def take(job: str, worker: str, lease_seconds: float, *, early: bool = False) -> float:
    """Take the lease of a job that is due and free. Return 0, or the seconds after which it may be so.

    ``early`` takes the lease of a job that is not due, too. Raises Unavailable.
    """
    found = job_leases.get(job)
    if found is None:
        db.run_statement(partial(job_leases.add, job))
        found = job_leases.get(job)
        assert found is not None, "the row of a job is never deleted"
    waits = [0.0]
    if not early:
        waits.append((found.due_at - found.now).total_seconds())
    if found.leased_until is not None and found.holder != worker:
        waits.append((found.leased_until - found.now).total_seconds())
    wait_seconds = max(waits)
    if wait_seconds > 0:
        return wait_seconds
    taken = db.run_statement(partial(job_leases.take, job, worker, lease_seconds, found.due_at))
    return 0.0 if taken else lease_seconds


def renew(worker: str, lease_seconds: float) -> set[str]:
    """Prolong all leases of a worker, and return the names of their jobs. Raises Unavailable."""
    return db.run_statement(partial(job_leases.renew, worker, lease_seconds))


def release(job: str, worker: str) -> None:
    """End the lease of a job, if the worker has it. Raises Unavailable."""
    db.run_statement(partial(job_leases.release, job, worker))


def finish(job: str, worker: str, *, failure: str | None, due_in_seconds: float, lease_seconds: float | None) -> bool:
    """Store how a job's step ended, and when the job is due. ``failure`` says what failed, None is a success.

    The lease goes on for ``lease_seconds``, or ends (None). Returns False, and stores nothing, if the worker lost
    the lease. Raises Unavailable.
    """
    return db.run_statement(
        partial(
            job_leases.finish,
            job,
            worker,
            succeeded=failure is None,
            detail=None if failure is None else failure[: job_leases.DETAIL_LENGTH],
            due_in_seconds=round(due_in_seconds, 3),
            lease_seconds=lease_seconds,
        )
    )
