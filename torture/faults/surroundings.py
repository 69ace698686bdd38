"""Faults of what is around the server: its clock, its clients, its log collector, its pooler."""

from __future__ import annotations

from contextlib import ExitStack

import psycopg

from tests.support.collector import Collector
from tests.support.databases import ROLE
from tests.support.pgbouncer import PROGRAM, Pgbouncer
from tests.support.slow_clients import slow_clients
from torture.faults.base import Fault
from torture.world import POSTGRESQL, World


class WrongClock(Fault):
    """The server is started again with a clock that is an hour ahead or behind, and then with the right one."""

    name = "wrong-clock"
    lasts_seconds = 8
    shows_unknowns = False
    _hours = 0

    def strike(self, world: World) -> None:
        self._hours = world.rng.choice([-1, 1])
        self._restart(world, "tests.support.clocks:served()", self._hours)

    def mend(self, world: World) -> None:
        self._restart(world, world.target, 0)

    def _restart(self, world: World, target: str, hours: int) -> None:
        world.server.stop()
        world.server.target = target
        world.server.env["CLOCK_OFF_SECONDS"] = str(hours * 3600)
        world.server.start()

    def evidence(self, world: World) -> str:
        assert self._hours
        return f"the clock was {self._hours:+} h off for {self.lasts_seconds} s"


class SlowClients(Fault):
    """500 connections beside the clients: half of them idle, the others send byte by byte."""

    name = "slow-clients"
    lasts_seconds = 8
    shows_unknowns = False
    count = 500
    _open = 0

    def strike(self, world: World) -> None:
        self._stack = ExitStack()
        self._connections = self._stack.enter_context(slow_clients(world.server, self.count))

    def mend(self, world: World) -> None:
        self._open = sum(connection.fileno() >= 0 for connection in self._connections)
        self._stack.close()

    def evidence(self, world: World) -> str:
        return f"{self._open} connections open for {self.lasts_seconds} s" if self._open == self.count else ""


class LogPipe(Fault):
    """Nobody reads the server's log until the pipe has been full for a while."""

    name = "log-pipe"
    lasts_seconds = 8
    shows_unknowns = False
    _full_bytes = 0

    @classmethod
    def prepare(cls, world: World) -> None:
        world.collector = world.cleanup.enter_context(Collector(world.folder / "server.log"))

    def strike(self, world: World) -> None:
        assert world.collector
        world.collector.pause()

    def mend(self, world: World) -> None:
        assert world.collector
        self._full_bytes = world.collector.waiting_bytes
        world.collector.resume()

    def evidence(self, world: World) -> str:
        # A pipe of 64 KiB is full when no further line fits.
        return f"{self._full_bytes} bytes in the pipe" if self._full_bytes > 56 * 1024 else ""


class PoolerRestart(Fault):
    """A pgbouncer in front of PostgreSQL ends under load and starts again."""

    name = "pooler-restart"
    databases = (POSTGRESQL,)
    lasts_seconds = 1
    _pid = 0

    @classmethod
    def prepare(cls, world: World) -> None:
        if PROGRAM is None:
            raise RuntimeError("pgbouncer is not installed")
        assert world.admin_url
        settings = {"lock_timeout": "2s", "statement_timeout": "5s", "timezone": "UTC"}
        with psycopg.connect(world.admin_url, autocommit=True) as admin:
            for name, value in settings.items():
                admin.execute(f"ALTER ROLE {ROLE} SET {name} = '{value}'")
        world.pooler = world.cleanup.enter_context(Pgbouncer(world.database_url))
        world.environ |= {"DATABASE_URL": world.pooler.url, "DATABASE_POOLER": "transaction"}

    def strike(self, world: World) -> None:
        assert world.pooler
        self._pid = world.pooler.pid
        world.pooler.stop()

    def mend(self, world: World) -> None:
        assert world.pooler
        world.pooler.start()

    def evidence(self, world: World) -> str:
        assert world.pooler
        return f"pgbouncer {self._pid} ended" if world.pooler.pid != self._pid else ""
