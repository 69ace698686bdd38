"""A synchronous standby that is missing: every commit waits for it."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from tests.support.servers import until

WAITING = "datname = current_database() AND application_name = 'bankapp' AND wait_event = 'SyncRep'"


class MissingStandby:
    """Makes the commits of one database wait for a standby that does not exist, from ``lose`` to ``restore``.

    ``url`` is the superuser's. Connections that exist already keep the asynchronous commits of the test server.
    """

    def __init__(self, url: str, admin: psycopg.Connection[Any]) -> None:
        self._url = url
        self._admin = admin
        database = sql.Identifier(urlsplit(url).path.strip("/"))
        self._admin.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(database))
        # A warning that the database does not send would be no warning.
        self._admin.execute(sql.SQL("ALTER DATABASE {} SET client_min_messages = error").format(database))

    def lose(self) -> None:
        """Let commits wait from now on."""
        self._admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        self._admin.execute("SELECT pg_reload_conf()")
        until(self._commits_wait)

    def restore(self) -> None:
        """Let the waiting commits, and all later ones, through."""
        self._admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        self._admin.execute("SELECT pg_reload_conf()")
        until(lambda: not self._commits_wait())

    def waiting(self) -> list[int]:
        """Return the processes of PostgreSQL in which a commit of the application waits."""
        return [pid for (pid,) in self._admin.execute(f"SELECT pid FROM pg_stat_activity WHERE {WAITING}")]

    def _commits_wait(self) -> bool:
        cancelled: list[Any] = []
        with psycopg.connect(self._url, autocommit=True, options="-c client_min_messages=warning") as probe:
            probe.add_notice_handler(cancelled.append)
            timer = threading.Timer(0.1, probe.cancel)
            timer.start()
            probe.execute("SELECT pg_logical_emit_message(true, '', '')")
            timer.cancel()
            timer.join()
        return bool(cancelled)
