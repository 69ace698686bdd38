"""Faults of PostgreSQL and of the connections to it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import psycopg

from tests.support.postgres import PostgresServer
from tests.support.proxy import COMMIT
from tests.support.servers import children
from torture.faults.base import Fault
from torture.world import POSTGRESQL, World


class BackendKill(Fault):
    """pg_terminate_backend of every connection of the application that is in a transaction or a statement."""

    name = "backend-kill"
    databases = (POSTGRESQL,)
    _killed = 0

    def strike(self, world: World) -> None:
        assert world.admin_url
        statement = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle'"
        )
        with psycopg.connect(world.admin_url, autocommit=True) as admin:
            # A moment without a statement is possible; a stroke that hits nothing would show no evidence.
            for _ in range(50):
                self._killed = sum(done for (done,) in admin.execute(statement).fetchall())
                if self._killed:
                    return

    def evidence(self, world: World) -> str:
        return f"{self._killed} backends terminated" if self._killed else ""


class Crash(Fault):
    """PostgreSQL ends at once, as in a crash, and recovers at its next start."""

    name = "postgres-crash"
    databases = (POSTGRESQL,)
    lasts_seconds = 1
    _pid = 0

    def strike(self, world: World) -> None:
        server = _postgres(world)
        self._pid = server.pid
        server.crash()

    def mend(self, world: World) -> None:
        _postgres(world).restart()

    def evidence(self, world: World) -> str:
        return f"postmaster {self._pid} died" if _postgres(world).pid != self._pid else ""


class Stopped(Fault):
    """SIGSTOP of all processes of PostgreSQL for longer than clients wait."""

    name = "postgres-stopped"
    databases = (POSTGRESQL,)
    lasts_seconds = 7

    def __init__(self) -> None:
        self._stopped: list[int] = []

    def strike(self, world: World) -> None:
        postmaster = _postgres(world).pid
        # The postmaster first, so that it starts no process that is then missed.
        for pid in (postmaster, *children(postmaster)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
                self._stopped.append(pid)

    def mend(self, world: World) -> None:
        for pid in self._stopped:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def evidence(self, world: World) -> str:
        return f"{len(self._stopped)} processes stopped" if len(self._stopped) > 1 else ""


class CommitCut(Fault):
    """The connection ends while the server waits for the answer of a COMMIT or of a storing statement."""

    name = "commit-cut"
    databases = (POSTGRESQL,)
    lasts_seconds = 1
    _before = _cuts = 0

    def strike(self, world: World) -> None:
        assert world.proxy
        self._before = world.proxy.cuts
        words = world.rng.choice([COMMIT, b"INTO transfers", b"INTO idempotency_keys"])
        world.proxy.cut(words, delivered=world.rng.random() < 0.7)

    def mend(self, world: World) -> None:
        assert world.proxy
        self._cuts = world.proxy.cuts - self._before

    def evidence(self, world: World) -> str:
        return f"{self._cuts} connections cut" if self._cuts else ""


def _postgres(world: World) -> PostgresServer:
    assert world.postgres, "this fault needs PostgreSQL"
    return world.postgres
