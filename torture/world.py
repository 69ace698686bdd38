"""What a run works on: a database, a server in production mode, and what faults need to reach them."""

from __future__ import annotations

import json
import os
import random
import signal
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from click.testing import Result

from tests.faults.production import production
from tests.support.collector import Collector
from tests.support.databases import ROLE, application, create_bank, migrate, settings
from tests.support.pgbouncer import Pgbouncer
from tests.support.postgres import PostgresServer
from tests.support.proxy import Cutter
from tests.support.servers import GunicornServer

if TYPE_CHECKING:
    from torture.faults.base import Fault

SQLITE: Final = "sqlite"
POSTGRESQL: Final = "postgresql"
UNEXPECTED_ERROR: Final = "unexpected error"
"""What the service logs beside a 500."""

DATABASES: Final = (SQLITE, POSTGRESQL)


@dataclass
class World:
    """The parts of a run. ``postgres``, ``proxy`` and ``admin_url`` (of a superuser) are None on SQLite.

    A fault's ``prepare`` may change ``database_url`` and ``environ``, with which the server is started, and push
    what must be cleaned up on ``cleanup``.
    """

    database: str
    folder: Path
    rng: random.Random
    database_url: str
    postgres: PostgresServer | None = None
    proxy: Cutter | None = None
    admin_url: str | None = None
    environ: dict[str, str] = field(default_factory=dict)
    cleanup: ExitStack = field(default_factory=ExitStack)
    target: str = "wsgi:app"
    collector: Collector | None = None
    """What reads the server's log, if a fault put something in between."""
    pooler: Pgbouncer | None = None
    _server: GunicornServer | None = None

    @property
    def server(self) -> GunicornServer:
        """The server; it exists once every fault has prepared the world."""
        assert self._server is not None, "the server is made when the world is prepared"
        return self._server

    def serve(self) -> None:
        """Make the server from ``database_url`` and ``environ``, and start it."""
        small = {"WEB_CONCURRENCY": "3", "WEB_THREADS": "2"}
        self._server = production(self.database_url, self.folder, **(small | self.environ))
        self._server.target = self.target
        self._server.keeps_logs = True
        if self.collector is not None:
            self._server.stdout = self.collector.writes
        self._server.start()

    def logged_errors(self) -> list[str]:
        """Return the unexpected errors in the server's log: each was answered 500, also where no client saw it."""
        errors = []
        with self.server.log.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                # A process that was killed may leave half a line.
                with suppress(ValueError):
                    record = json.loads(line)
                    if record.get("message") == UNEXPECTED_ERROR:
                        errors.append(f"request {record['request_id']}: {record.get('exc_info', '')}")
        return errors

    def flask(self, *words: str) -> Result:
        """Run a ``flask`` command on the database of the server, as an operator does."""
        with application(settings(self.database_url)) as app:
            return app.test_cli_runner().invoke(args=words)


@contextmanager
def running(
    database: str,
    folder: Path,
    rng: random.Random,
    *,
    faults: Sequence[type[Fault]] = (),
    postgres: PostgresServer | None = None,
    target: str = "wsgi:app",
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[World]:
    """Make a new database in ``folder`` and serve ``target`` on it, with ``environ``, until the block ends.

    On PostgreSQL the connections of the server go through a proxy. ``postgres`` is the server to use; without it one
    is started, with fsync on, so that it may crash.
    """
    with ExitStack() as stack:
        if database == SQLITE:
            world = World(database, folder, rng, f"sqlite:///{folder / 'bank.sqlite3'}", target=target)
            migrate(world.database_url)
        else:
            if postgres is None:
                postgres = PostgresServer()
                stack.callback(postgres.stop)
                postgres.start(durable=True)
            world = _on_postgresql(folder, rng, postgres, stack, target)
        world.environ |= environ
        stack.enter_context(world.cleanup)
        for fault in faults:
            fault.prepare(world)
        stack.callback(_stop, world)
        world.serve()
        yield world


def _on_postgresql(folder: Path, rng: random.Random, postgres: PostgresServer, stack: ExitStack, target: str) -> World:
    name = f"torture_{uuid.uuid4().hex}"
    create_bank(postgres, name)
    parts = urlsplit(postgres.url(name, ROLE))
    proxy = stack.enter_context(Cutter(parts.port or 5432))
    netloc = f"{parts.username}@127.0.0.1:{proxy.port}"
    url = parts._replace(netloc=netloc).geturl()
    return World(POSTGRESQL, folder, rng, url, postgres, proxy, postgres.url(name), target=target)


def _stop(world: World) -> None:
    if world._server is not None and world._server.is_running:
        # Everything was observed: nothing is left to finish.
        os.kill(world._server.pid, signal.SIGINT)
        world._server.wait()
