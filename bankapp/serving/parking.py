"""The parked requests of a worker: whom they wait for, and when each is served again.

Everything but :meth:`ParkedRequests._tell` runs in the worker's thread.
"""

from __future__ import annotations

import heapq
import itertools
import random
import resource
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from bankapp.api.parking import Offer, Park
from bankapp.services.events import News
from bankapp.serving.watcher import Watcher

OTHER_DESCRIPTORS: Final = 200
"""So many file descriptors a worker needs beside those of its connections."""
REMEMBERED_SECONDS: Final = 120.0
"""So long news are remembered for requests that are being served. No serving may take longer."""
WATCHED_ON_SECONDS: Final = 5.0
"""So long news are asked for while nothing is parked: a request that is served again is not parked meanwhile."""
SPREAD: Final = 0.15
"""By up to this share a stream is served early, so that streams that began together spread over time."""


@dataclass(slots=True)
class Wait:
    """The waiting of one connection's request, over all of its servings.

    ``served_at`` is when the last serving began: news since then may be missing in its answer. ``until`` ends the
    wait of a request that is answered as a whole. All times are monotonic seconds.
    """

    park: Park
    served_at: float
    until: float | None
    due_at: float = 0.0
    is_parked: bool = True


class ParkedRequests:
    """Connections whose requests wait for events, up to ``cap``.

    ``wake`` makes the worker take a turn; it is called from another thread.
    """

    def __init__(self, app: Any, log: Any, cap: int, wake: Callable[[], None]) -> None:
        self._cap = cap
        self._wake = wake
        self._waits: dict[Any, Wait] = {}
        self._by_user: dict[str | None, dict[Any, Wait]] = {}
        self._agenda: list[tuple[float, int, Any, Wait]] = []
        self._numbers = itertools.count()
        self._due: deque[tuple[Any, Wait]] = deque()
        self._news: deque[News | None] = deque()
        self._news_at: dict[str | None, float] = {}
        self._news_for_all_at = 0.0
        self._can_be_served = True
        self._last_at = 0.0
        self._watcher = Watcher(app, log, self._tell)

    def __contains__(self, connection: Any) -> bool:
        return connection in self._waits

    def __iter__(self) -> Any:
        return iter(list(self._waits))

    def offer(self, wait: Wait | None, *, is_stopping: bool) -> Offer | None:
        """Return the offer for a request, which has waited as ``wait``; None when it must be answered now."""
        if wait is None:
            return None if is_stopping else Offer(len(self._waits) < self._cap)
        if wait.until is not None and (is_stopping or wait.until <= time.monotonic()):
            return None
        return Offer(has_room=True, again=wait.park)

    def add(self, connection: Any, park: Park, served_at: float, before: Wait | None) -> None:
        """Park a connection whose last serving began at ``served_at``. ``before`` is its wait until then."""
        until = None if park.is_stream else before.until if before else served_at + park.seconds
        wait = Wait(park, served_at, until)
        now = time.monotonic()
        wait.due_at = until if until is not None else now + park.seconds * random.uniform(1 - SPREAD, 1)
        self._waits[connection] = wait
        self._by_user.setdefault(park.user_id, {})[connection] = wait
        heapq.heappush(self._agenda, (wait.due_at, next(self._numbers), connection, wait))
        is_behind = park.is_behind and self._can_be_served
        if is_behind or max(self._news_for_all_at, self._news_at.get(park.user_id, 0.0)) >= served_at:
            self._due.append((connection, wait))
        self._watcher.start()

    def remove(self, connection: Any) -> Wait:
        """Take a connection out, to serve it or to close it."""
        wait = self._waits.pop(connection)
        wait.is_parked = False
        others = self._by_user[wait.park.user_id]
        del others[connection]
        if not others:
            del self._by_user[wait.park.user_id]
        self._last_at = time.monotonic()
        return wait

    def seconds_to_next(self, most: float) -> float:
        """Return for how long no parked request is due, at most ``most`` seconds."""
        if self._due or self._news:
            return 0.0
        return min(most, max(0.0, self._agenda[0][0] - time.monotonic())) if self._agenda else most

    def next_due(self) -> Any:
        """Return a connection whose request is to be served again, or None."""
        self._take_news()
        now = time.monotonic()
        if not self._waits and now - self._last_at > WATCHED_ON_SECONDS:
            self._watcher.stop()
        while self._agenda and self._agenda[0][0] <= now:
            _, _, connection, wait = heapq.heappop(self._agenda)
            if wait.is_parked:
                self._due.append((connection, wait))
        while self._due:
            connection, wait = self._due.popleft()
            if wait.is_parked:
                return connection
        return None

    def close(self) -> None:
        """Stop asking for news."""
        self._watcher.stop()

    @property
    def can_be_served(self) -> bool:
        """Whether the database answered when it was last asked for news."""
        return self._can_be_served

    def _tell(self, news: News | None) -> None:
        self._news.append(news)
        self._wake()

    def _take_news(self) -> None:
        while self._news:
            news = self._news.popleft()
            now = time.monotonic()
            self._can_be_served = news is not None
            if news is None:
                continue
            if news.user_ids is None:
                self._news_for_all_at = now
                self._due.extend(self._waits.items())
                continue
            self._forget_news(now - REMEMBERED_SECONDS)
            for user_id in (*news.user_ids, None):
                # In the order of their times, for `_forget_news`.
                self._news_at.pop(user_id, None)
                self._news_at[user_id] = now
                self._due.extend(self._by_user.get(user_id, {}).items())

    def _forget_news(self, before: float) -> None:
        while self._news_at:
            user_id = next(iter(self._news_at))
            if self._news_at[user_id] >= before:
                return
            del self._news_at[user_id]


def fitting(cap: int, connections: int, log: Any) -> int:
    """Return how many of ``cap`` parked connections the process has file descriptors for, beside ``connections``.

    Raises the soft limit of the process as far as its hard limit allows.
    """
    needed = cap + connections + OTHER_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if soft < needed:
            fits = max(0, soft - connections - OTHER_DESCRIPTORS)
            log.warning("%s clients may wait for events instead of %s: the limit of open files is %s", fits, cap, soft)
            return fits
    return cap
