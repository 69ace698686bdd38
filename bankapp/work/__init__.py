"""The worker: runs the jobs of :mod:`bankapp.services.jobs`, each when it is due and leased to this worker."""

from bankapp.work.turns import Timing
from bankapp.work.worker import Worker

__all__ = ["Timing", "Worker"]
