"""The leases that a worker has, by its own monotonic clock."""

from __future__ import annotations

import time
from threading import Lock


class HeldLeases:
    """The jobs whose leases a worker has, and until when. The threads of the worker share one.

    A lease counts from before the statement that took or renewed it, so the worker never believes in a lease longer
    than the database does.
    """

    def __init__(self, lease_seconds: float) -> None:
        self._lease_seconds = lease_seconds
        self._until: dict[str, float] = {}
        self._lock = Lock()

    def has(self, job: str) -> bool:
        """Tell whether the worker has the lease of a job."""
        with self._lock:
            return time.monotonic() < self._until.get(job, 0.0)

    def has_any(self) -> bool:
        """Tell whether the worker has taken a lease and not given it back. The lease may have lapsed."""
        with self._lock:
            return bool(self._until)

    def add(self, job: str, since: float) -> None:
        """Note a lease that was taken by a statement that began at ``since`` (monotonic seconds)."""
        with self._lock:
            self._until[job] = since + self._lease_seconds

    def renew(self, jobs: set[str], since: float) -> None:
        """Note that exactly the leases of ``jobs`` were renewed, by a statement that began at ``since``."""
        with self._lock:
            self._until = {job: since + self._lease_seconds for job in self._until if job in jobs}

    def drop(self, job: str) -> None:
        """Note that a lease is no longer needed, or is lost."""
        with self._lock:
            self._until.pop(job, None)
