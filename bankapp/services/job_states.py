"""How the jobs of the worker do, for the metrics. Everything is read from the database, so any process can tell."""

from __future__ import annotations

from dataclasses import dataclass

from bankapp import db
from bankapp.repositories import job_leases
from bankapp.services.jobs import JOBS, Queue


@dataclass(frozen=True, slots=True)
class JobState:
    """A job's state: seconds since its last success (None: never), all its failed steps, and what waits for it."""

    name: str
    success_age_seconds: float | None
    failures: int
    queue: Queue | None


def read() -> list[JobState]:
    """Return the state of every job. Raises Unavailable, within 2 seconds also where the network is silent."""
    db.ping()
    leases = {lease.name: lease for lease in job_leases.get_all()}
    states = []
    for job in JOBS:
        lease = leases.get(job.name)
        age = (lease.now - lease.last_success_at).total_seconds() if lease and lease.last_success_at else None
        states.append(JobState(job.name, age, lease.failures if lease else 0, job.queue() if job.queue else None))
    return states
