"""Parking: the server keeps a request that has nothing to answer yet, and has it served again later.

The application never waits. The server offers to park a request by an :class:`Offer` in its environment. A view that
has nothing to say takes the offer by a :class:`Park`. The server serves the request again, from its access token on,
when there are events for its user and after ``seconds``. A server that makes no offer gets its answer at once.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from typing import Final

from flask import request

from bankapp import context, errors

log = logging.getLogger(__name__)

OFFER: Final = "bankapp.parking.offer"
PARK: Final = "bankapp.parking.park"
RETRY_AFTER_SECONDS: Final = 5
HEARTBEAT: Final = b": \n\n"
"""A comment of a stream (HTML Living Standard, section 9.2.6)."""


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream that was begun: who reads it, when it began (monotonic seconds), and how many events it has sent."""

    request_id: str | None
    user_id: str
    api_key_id: str | None
    began_at: float
    events: int

    def log_end(self) -> None:
        """Log that the stream has ended. Its begin was logged as a request."""
        extra = {
            "request_id": self.request_id,
            "user_id": self.user_id,
            **({"api_key_id": self.api_key_id} if self.api_key_id else {}),
            "duration_seconds": round(time.monotonic() - self.began_at, 3),
            "events": self.events,
        }
        log.info("event stream ended", extra=extra)


@dataclass(frozen=True, slots=True)
class Park:
    """What a parked request waits for: events of a user (None: of any user), at most ``seconds``.

    Without a ``position`` the answer is discarded, and ``seconds`` count from the first serving. With a ``position``,
    up to which a stream was written, the answer is sent and goes on with the answers that follow. ``is_behind`` says
    that further events wait for the client to take these. ``stream`` is for the log.
    """

    user_id: str | None
    seconds: float
    position: int | None = None
    is_behind: bool = False
    stream: Stream | None = None

    @property
    def is_stream(self) -> bool:
        """Whether the answer is sent in parts."""
        return self.position is not None


@dataclass(frozen=True, slots=True)
class Offer:
    """The server can park the request. ``again`` is what it waited for until now, None when it is new."""

    has_room: bool
    again: Park | None = None


def park(wanted: Park) -> bool:
    """Ask the server to park the current request; tell whether it does. Raises Unavailable over the server's cap."""
    offer = _offer()
    if offer is None:
        return False
    if offer.again is None and not offer.has_room:
        raise errors.Unavailable("Too many clients wait for events.", retry_after_seconds=RETRY_AFTER_SECONDS)
    request.environ[PARK] = wanted
    return True


def position() -> int | None:
    """Return the position up to which the stream that the current request goes on with was written."""
    offer = _offer()
    return offer.again.position if offer is not None and offer.again is not None else None


def stream(events: int) -> Stream:
    """Return the stream of the current request, which now writes so many events more."""
    offer = _offer()
    before = offer.again.stream if offer is not None and offer.again is not None else None
    if before is not None:
        return replace(before, events=before.events + events)
    current = context.current()
    return Stream(current.request_id, context.user().id, current.api_key_id, time.monotonic(), events)


def is_served_again() -> bool:
    """Tell whether the current request was parked before."""
    offer = _offer()
    return offer is not None and offer.again is not None


def is_between() -> bool:
    """Tell whether the answer neither begins nor ends what the client gets: it is not logged and not counted."""
    parked: Park | None = request.environ.get(PARK)
    return position() is not None or (parked is not None and not parked.is_stream)


def _offer() -> Offer | None:
    # A HEAD request has no body that could be waited for.
    offer: Offer | None = request.environ.get(OFFER) if request.method == "GET" else None
    return offer
