"""Notices new events for all parked requests of a worker, with one small query at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final

from bankapp.services import events
from bankapp.services.events import News

WATCH_SECONDS: Final = 0.25
"""So often the last position is read."""
MAX_PAUSE_SECONDS: Final = 2.0
"""So often at least a database that does not answer is asked."""

Tell = Callable[[News | None], None]


class Watcher:
    """A thread that calls ``tell`` with the news of events, and with None when the database does not answer.

    The first news, and those after an outage, name no users: events may have been numbered meanwhile.
    """

    def __init__(self, app: Any, log: Any, tell: Tell) -> None:
        self._app = app
        self._log = log
        self._tell = tell
        self._stopped: threading.Event | None = None

    def start(self) -> None:
        """Begin to watch, unless the watcher does."""
        if self._stopped is None:
            self._stopped = threading.Event()
            threading.Thread(target=self._watch, args=(self._stopped,), name="events", daemon=True).start()

    def stop(self) -> None:
        """End the thread within the time of one query."""
        if self._stopped is not None:
            self._stopped.set()
            self._stopped = None

    def _watch(self, stopped: threading.Event) -> None:
        position: int | None = None
        pause_seconds = 0.0
        while not stopped.wait(pause_seconds):
            try:
                with self._app.app_context():
                    news = events.news_after(position)
            except Exception as problem:  # noqa: BLE001 - the thread must survive every error
                if pause_seconds <= WATCH_SECONDS and not stopped.is_set():
                    self._log.warning("new events cannot be read: %s", str(problem).partition("\n")[0])
                    self._tell(None)
                position = None
                pause_seconds = min(max(pause_seconds, WATCH_SECONDS) * 2, MAX_PAUSE_SECONDS)
                continue
            if position is None or news.user_ids is None or news.user_ids:
                self._tell(news)
            position = news.last_position
            pause_seconds = WATCH_SECONDS
