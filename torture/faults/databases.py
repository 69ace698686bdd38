"""Faults of the database: no connection is free, a lock is held, statements conflict, the disk is full."""

from __future__ import annotations

import resource
import sqlite3
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from tests.support.databases import ROLE
from torture.faults.base import Fault
from torture.world import POSTGRESQL, SQLITE, World


class ConnectionsExhausted(Fault):
    """Others hold every connection of PostgreSQL, and those of the application have ended."""

    name = "connections-exhausted"
    databases = (POSTGRESQL,)
    lasts_seconds = 4
    shows_unknowns = False
    _refusal = ""

    def __init__(self) -> None:
        self._held: list[psycopg.Connection[Any]] = []

    def strike(self, world: World) -> None:
        assert world.admin_url
        admin = psycopg.connect(world.admin_url, autocommit=True)
        self._held.append(admin)
        admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])
        # Again and again, because the application takes what is free in between.
        for _ in range(20):
            self._fill(world.admin_url)
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [ROLE])
        self._fill(world.admin_url)

    def _fill(self, url: str) -> None:
        with suppress(psycopg.OperationalError):
            while True:
                self._held.append(psycopg.connect(url))

    def mend(self, world: World) -> None:
        assert world.admin_url
        try:
            psycopg.connect(world.admin_url.replace("//postgres@", f"//{ROLE}@")).close()
        except psycopg.OperationalError as refusal:
            self._refusal = str(refusal).strip().rpartition("FATAL:")[2].strip()
        for connection in self._held:
            connection.close()

    def evidence(self, world: World) -> str:
        return f"{len(self._held)} connections held: {self._refusal}" if self._refusal else ""


class LockHeld(Fault):
    """A lock that every command needs is held for longer than the application waits for it."""

    name = "lock-held"
    lasts_seconds = 6
    shows_unknowns = False
    _waiting = 0
    _rows = -1

    def strike(self, world: World) -> None:
        if world.database == SQLITE:
            self._holder: Any = sqlite3.connect(_file(world), isolation_level=None, timeout=30, check_same_thread=False)
            self._holder.execute("BEGIN IMMEDIATE")
            self._rows = self._count()
            return
        assert world.admin_url
        self._holder = psycopg.connect(world.admin_url)
        self._holder.execute("LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE")

    def _count(self) -> int:
        return int(self._holder.execute("SELECT count(*) FROM audit_logs").fetchone()[0])

    def mend(self, world: World) -> None:
        waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND usename = %s"
        if world.database == SQLITE:
            # Another connection would see what others have committed since.
            with sqlite3.connect(_file(world), isolation_level=None) as reader:
                rows = int(reader.execute("SELECT count(*) FROM audit_logs").fetchone()[0])
            reader.close()
            self._waiting = 1 if rows == self._rows else 0
        else:
            self._waiting = self._holder.execute(waiting, [ROLE]).fetchone()[0]
        self._holder.rollback()
        self._holder.close()

    def evidence(self, world: World) -> str:
        if not self._waiting:
            return ""
        if world.database == SQLITE:
            return f"no commit for {self.lasts_seconds} s"
        return f"{self._waiting} backends waited after {self.lasts_seconds} s"


class _Raised(Fault):
    """A trigger that raises an error for some of the rows that a command writes."""

    databases = (POSTGRESQL,)
    lasts_seconds = 5
    shows_unknowns = False
    states: tuple[str, ...]
    share: float
    tables: tuple[str, ...]
    _count = 0

    def strike(self, world: World) -> None:
        assert world.admin_url
        state = world.rng.choice(self.states)
        with psycopg.connect(world.admin_url, autocommit=True) as admin:
            # A rollback does not reset a sequence.
            admin.execute("CREATE SEQUENCE torture_raised")
            admin.execute(
                "CREATE FUNCTION torture_raise() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
                f" IF random() < {self.share} THEN PERFORM nextval('torture_raised');"
                f" RAISE EXCEPTION 'torture' USING ERRCODE = '{state}'; END IF; RETURN NEW; END $$"
            )
            for table in self.tables:
                admin.execute(
                    f"CREATE TRIGGER torture BEFORE INSERT OR UPDATE ON {table}"
                    " FOR EACH ROW EXECUTE FUNCTION torture_raise()"
                )

    def mend(self, world: World) -> None:
        assert world.admin_url
        with psycopg.connect(world.admin_url, autocommit=True) as admin:
            row = admin.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM torture_raised").fetchone()
            self._count = row[0] if row else 0
            # One by one: several locks at once would deadlock with the application.
            for table in self.tables:
                admin.execute(f"DROP TRIGGER torture ON {table}")
            admin.execute("DROP FUNCTION torture_raise()")
            admin.execute("DROP SEQUENCE torture_raised")

    def evidence(self, world: World) -> str:
        return f"{self._count} errors raised" if self._count else ""


class Conflicts(_Raised):
    """Every third row is a serialization failure or a deadlock."""

    name = "conflicts"
    states = ("40001", "40P01")
    share = 0.3
    tables = ("idempotency_keys", "audit_logs", "transfers", "transactions")


class FullDisk(_Raised):
    """No row can be stored: on PostgreSQL by a trigger, on SQLite because no file of a worker may grow."""

    name = "full-disk"
    databases = (SQLITE, POSTGRESQL)
    states = ("53100",)
    share = 1.0
    tables = ("audit_logs", "transactions")

    def __init__(self) -> None:
        self._limited: list[int] = []

    def strike(self, world: World) -> None:
        if world.database != SQLITE:
            super().strike(world)
            return
        for pid in world.server.workers:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
                self._limited.append(pid)
        time.sleep(0.5)
        self._written = _wal(world).stat().st_mtime_ns

    def mend(self, world: World) -> None:
        if world.database != SQLITE:
            super().mend(world)
            return
        self._count = len(self._limited) if _wal(world).stat().st_mtime_ns == self._written else 0
        for pid in self._limited:
            with suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def evidence(self, world: World) -> str:
        if world.database != SQLITE:
            return super().evidence(world)
        return f"no write of {self._count} workers for {self.lasts_seconds} s" if self._count else ""


def _file(world: World) -> str:
    return str(make_url(world.database_url).database)


def _wal(world: World) -> Path:
    return Path(f"{_file(world)}-wal")
