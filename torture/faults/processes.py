"""Faults of the server's processes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from torture.faults.base import Fault
from torture.world import World


class WorkerKill(Fault):
    """SIGKILL of one worker; gunicorn starts another."""

    name = "worker-kill"
    _pid = 0

    def strike(self, world: World) -> None:
        if workers := world.server.workers:
            self._pid = world.rng.choice(workers)
            os.kill(self._pid, signal.SIGKILL)

    def evidence(self, world: World) -> str:
        return f"worker {self._pid} died" if _is_gone(self._pid) else ""


class MasterKill(Fault):
    """SIGKILL of gunicorn's master; the workers end by themselves, and the server is started again."""

    name = "master-kill"
    lasts_seconds = 0.5
    _pid = 0

    def strike(self, world: World) -> None:
        self._pid = world.server.pid
        os.kill(self._pid, signal.SIGKILL)
        world.server.wait()

    def mend(self, world: World) -> None:
        if not world.server.is_running:
            world.server.start()

    def evidence(self, world: World) -> str:
        return f"master {self._pid} died" if _is_gone(self._pid) else ""


class Restart(Fault):
    """SIGTERM of the server under load, and a new start."""

    name = "restart"
    _status: int | None = None

    def strike(self, world: World) -> None:
        self._status = world.server.stop()

    def mend(self, world: World) -> None:
        if not world.server.is_running:
            world.server.start()

    def evidence(self, world: World) -> str:
        return f"the server ended with {self._status}" if self._status == 0 else ""


def _is_gone(pid: int) -> bool:
    return pid > 0 and not Path(f"/proc/{pid}").exists()
