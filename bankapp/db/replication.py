"""The wait of a commit for PostgreSQL's synchronous standby: its time limit, and what follows when it is cancelled.

A commit that waits is stored on the primary already, and no timeout of PostgreSQL ends the wait. When the wait is
cancelled, PostgreSQL reports success with a warning, although the standby may not have the commit (decision 0017).
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import AbstractContextManager
from typing import Any, Final

from sqlalchemy import Connection

from bankapp.db.driver_errors import Unconfirmed

log = logging.getLogger(__name__)

LIMIT_SECONDS: Final = 6.0
"""After this time a commit is cancelled. Everything else ends before, by the statement timeout."""

_TICK_SECONDS: Final = 0.5
_CANCEL_SECONDS: Final = 2.0

# The function of PostgreSQL that waits and warns. The text of its warning depends on the language of the server.
_WAITING_FUNCTION: Final = "SyncRepWaitForLSN"
_IS_CANCELLED: Final = "replication_wait_cancelled"


def listen(driver_connection: Any, info: dict[Any, Any]) -> None:
    """Note in ``info``, the pool's facts about a connection, when PostgreSQL reports a cancelled wait."""

    def note(diagnostic: Any) -> None:
        if diagnostic.source_function == _WAITING_FUNCTION:
            info[_IS_CANCELLED] = True
            log.warning("%s: %s", diagnostic.message_primary, diagnostic.message_detail)

    driver_connection.add_notice_handler(note)


def demand_confirmed(connection: Connection) -> None:
    """Raise Unconfirmed if the statement that ran last has committed, but its wait for the standby was cancelled."""
    if connection.info.pop(_IS_CANCELLED, False):
        raise Unconfirmed("The standby did not confirm the commit.", retry_after_seconds=2)


def limited(connection: Connection) -> AbstractContextManager[None]:
    """Cancel what runs on ``connection`` when the block lasts longer than ``LIMIT_SECONDS``. PostgreSQL only."""
    return _Limited(connection.connection.driver_connection)


class _Limited:
    # A class, because a generator would cost three times as much.
    __slots__ = ("_driver_connection",)

    def __init__(self, driver_connection: Any) -> None:
        self._driver_connection = driver_connection

    def __enter__(self) -> None:
        _watcher.begin(self._driver_connection)

    def __exit__(self, *_: object) -> None:
        _watcher.end(self._driver_connection)


class _Watcher:
    """A thread that cancels what runs too long on the connections that it was told of."""

    def __init__(self) -> None:
        self._begun: dict[Any, float] = {}
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def begin(self, driver_connection: Any) -> None:
        self._begun[driver_connection] = time.monotonic()
        # A forked worker has none of its parent's threads.
        if self._thread is None or not self._thread.is_alive():
            self._start()

    def end(self, driver_connection: Any) -> None:
        self._begun.pop(driver_connection, None)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._watch, name="commit-watcher", daemon=True)
                self._thread.start()

    def _watch(self) -> None:
        while True:
            time.sleep(_TICK_SECONDS)
            now = time.monotonic()
            for driver_connection, begun in self._begun.copy().items():
                if now - begun > LIMIT_SECONDS:
                    self._cancel(driver_connection)

    def _cancel(self, driver_connection: Any) -> None:
        # The connection may have ended its block meanwhile. Then its next statement is cancelled, which is a 503.
        try:
            driver_connection.cancel_safe(timeout=_CANCEL_SECONDS)
        except Exception:  # the thread must go on for the other connections
            log.warning("a commit could not be cancelled", exc_info=True)


_watcher: Final = _Watcher()
