"""A job's turns in one worker: take the lease if the job is due, run a step, store how it ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bankapp.services import leases
from bankapp.services.jobs import FaultsFound, Job
from bankapp.work.held import HeldLeases

log = logging.getLogger(__name__)

LONGEST_RETRY_SECONDS: Final = 300.0
QUIET_BELOW_SECONDS: Final = 60.0
"""A job that is due more often than this logs its steps for debugging only."""


@dataclass(frozen=True)
class Timing:
    """The times of a worker, in seconds.

    A worker that dies keeps its leases for at most ``lease``. A waiting worker looks at a lease at least every ``poll``
    seconds, so that it notices a lease that was given back. ``retry`` is the pause after a first failure; the pause
    doubles with each further one. A stopping worker lets a step run for at most ``stop``.
    """

    lease: float = 15.0
    poll: float = 5.0
    retry: float = 1.0
    stop: float = 20.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What a turn came to: the seconds until the job's next turn, and whether a step failed."""

    wait_seconds: float
    failed: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    """How a step ended: how many items it dealt with, what failed, and whether the same step may succeed soon."""

    count: int = 0
    failure: str | None = None
    is_transient: bool = False


class Turns:
    """The turns of one job in one worker. They run in one thread, each in an application context of its own.

    The lease of a job that is due again before the lease would lapse is kept between turns. Its steps are then recorded
    every ``timing.poll`` seconds only: an UPDATE for every step of a job that runs several times a second would be most
    of the writing on a quiet database. The lease of any other job is given back after each step.
    """

    def __init__(
        self, job: Job, worker: str, held: HeldLeases, timing: Timing, is_stopping: Callable[[], bool]
    ) -> None:
        self.job = job
        self._worker = worker
        self._held = held
        self._timing = timing
        self._is_stopping = is_stopping
        self._failures = 0
        # Monotonic seconds: when the job is due while its lease is kept, and when its steps were recorded.
        self._due_at = 0.0
        self._recorded_at: float | None = None

    def take(self, *, early: bool = False) -> Turn:
        """Take a turn: run a step of the job if it is due and no other worker has its lease.

        ``early`` runs a step of a job that is not due, too. Raises Unavailable.
        """
        job = self.job
        if self._held.has(job.name):
            wait_seconds = self._due_at - time.monotonic()
            if wait_seconds > 0:
                return Turn(wait_seconds)
        else:
            since = time.monotonic()
            wait_seconds = leases.take(job.name, self._worker, self._timing.lease, early=early)
            if wait_seconds > 0:
                return Turn(wait_seconds)
            self._held.add(job.name, since)
            self._recorded_at = None
        step = self._run()
        self._failures = 0 if step.failure is None else self._failures + 1
        due_in_seconds = self._pause_after(step)
        self._due_at = time.monotonic() + due_in_seconds
        self._record(step, due_in_seconds)
        return Turn(due_in_seconds, failed=step.failure is not None)

    def release(self) -> None:
        """Give the lease back, if this worker has it. Raises Unavailable."""
        if self._held.has(self.job.name):
            self._held.drop(self.job.name)
            leases.release(self.job.name, self._worker)

    def _run(self) -> _Step:
        job, began = self.job, time.monotonic()
        try:
            count = job.run()
        except FaultsFound as found:
            log.error("job found faults: %s", found, extra={"job": job.name})
            return _Step(failure=str(found))
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
            log.exception("job failed: %s", error, extra={"job": job.name, "error": error})
            return _Step(failure=error, is_transient=True)
        facts = {"job": job.name, "count": count, "seconds": round(time.monotonic() - began, 3)}
        is_rare = job.every_seconds >= QUIET_BELOW_SECONDS
        log.log(logging.INFO if count and is_rare else logging.DEBUG, "job did a step", extra=facts)
        return _Step(count)

    def _pause_after(self, step: _Step) -> float:
        if step.is_transient:
            return min(self._timing.retry * 2.0 ** (self._failures - 1), LONGEST_RETRY_SECONDS)
        return 0.0 if step.count else self.job.every_seconds

    def _record(self, step: _Step, due_in_seconds: float) -> None:
        keeps_lease = due_in_seconds < self._timing.lease and not self._is_stopping()
        now = time.monotonic()
        was_recorded = self._recorded_at is not None and now - self._recorded_at < self._timing.poll
        if keeps_lease and step.failure is None and was_recorded:
            return
        kept = leases.finish(
            self.job.name,
            self._worker,
            failure=step.failure,
            due_in_seconds=due_in_seconds,
            lease_seconds=self._timing.lease if keeps_lease else None,
        )
        if kept and keeps_lease:
            self._held.add(self.job.name, now)
            # A success after a failure is recorded at once.
            self._recorded_at = now if step.failure is None else None
        else:
            self._held.drop(self.job.name)
