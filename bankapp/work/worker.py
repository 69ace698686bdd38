"""The worker's loop: a thread for each job, and one that renews the leases.

A thread for each job lets a job that is due several times a second start on time while another runs for minutes.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from threading import Event, Lock, Thread

from bankapp import errors, ids
from bankapp.services import leases
from bankapp.services.jobs import Job
from bankapp.work.held import HeldLeases
from bankapp.work.turns import Timing, Turn, Turns

log = logging.getLogger(__name__)

Context = Callable[[], AbstractContextManager[object]]
"""Opens an application context, with a database connection of its own."""


class Worker:
    """Runs ``jobs`` until ``stop`` is set. No error of a job or of the database ends it."""

    def __init__(self, jobs: Sequence[Job], context: Context, stop: Event, timing: Timing) -> None:
        self.id = ids.new()
        self._context = context
        self._timing = timing
        self._stop = stop
        self._held = HeldLeases(self._timing.lease)
        self._turns = [Turns(job, self.id, self._held, self._timing, self._stop.is_set) for job in jobs]
        self._outage = _Outage()
        self._ended = Event()

    def run(self) -> list[str]:
        """Run the jobs until the stop; return the jobs whose step was still running ``timing.stop`` seconds later.

        The lease of such a job lapses by itself. Every other lease is given back.
        """
        threads = {turns.job.name: self._start(self._repeat, turns) for turns in self._turns}
        self._start(self._renew_leases)
        log.info("worker started", extra={"worker": self.id, "jobs": list(threads)})
        self._stop.wait()
        deadline = time.monotonic() + self._timing.stop
        for thread in threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        running = [name for name, thread in threads.items() if thread.is_alive()]
        self._ended.set()
        log.info("worker stopped", extra={"worker": self.id, "running": running})
        return running

    def run_once(self, *, early: bool) -> list[str]:
        """Run each job until it has nothing left to do; return the jobs that failed.

        Skips a job that another worker runs, and without ``early`` a job that is not due.
        """
        self._start(self._renew_leases)
        failed = [turns.job.name for turns in self._turns if not self._stop.is_set() and self._exhaust(turns, early)]
        self._ended.set()
        return failed

    def _exhaust(self, turns: Turns, early: bool) -> bool:
        """Take turns until the job must wait; tell whether a step failed."""
        turn = self._take(turns, early=early)
        while turn.wait_seconds == 0 and not self._stop.is_set():
            turn = self._take(turns)
        self._release(turns)
        return turn.failed

    def _repeat(self, turns: Turns) -> None:
        while not self._stop.is_set():
            self._stop.wait(min(self._take(turns).wait_seconds, self._timing.poll))
        self._release(turns)

    def _take(self, turns: Turns, *, early: bool = False) -> Turn:
        """Take a turn in a new context. Any error of the lease's own statements becomes a wait."""
        try:
            with self._context():
                turn = turns.take(early=early)
        except errors.Unavailable as problem:
            self._outage.began(problem)
        except Exception:
            log.exception("worker cannot use the lease", extra={"job": turns.job.name})
        else:
            self._outage.ended()
            return turn
        return Turn(self._timing.poll / 2, failed=True)

    def _release(self, turns: Turns) -> None:
        try:
            with self._context():
                turns.release()
        except Exception as problem:  # noqa: BLE001 - the lease lapses by itself
            log.warning("worker could not give a lease back: %s", problem, extra={"job": turns.job.name})

    def _renew_leases(self) -> None:
        # Goes on after the stop, because a step that still runs needs its lease.
        while not self._ended.wait(self._timing.lease / 3):
            if not self._held.has_any():
                continue
            since = time.monotonic()
            try:
                with self._context():
                    self._held.renew(leases.renew(self.id, self._timing.lease), since)
            except Exception as problem:  # noqa: BLE001 - tried again; meanwhile the leases may lapse
                self._outage.began(problem)

    def _start(self, function: Callable[..., None], *arguments: object) -> Thread:
        thread = Thread(target=function, args=arguments, daemon=True)
        thread.start()
        return thread


class _Outage:
    """Logs the begin and the end of an outage of the database once, for all threads."""

    def __init__(self) -> None:
        self._lasts = False
        self._lock = Lock()

    def began(self, problem: Exception) -> None:
        with self._lock:
            if not self._lasts:
                log.warning("worker waits for the database: %s", problem)
            self._lasts = True

    def ended(self) -> None:
        with self._lock:
            if self._lasts:
                log.info("worker has the database again")
            self._lasts = False
