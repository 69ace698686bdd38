"""Follows the bank's stream of events, over lost connections, outages and new access tokens."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from bankapp.client.errors import Refused, Unreachable
from bankapp.client.session import Session

RETRY_SECONDS: Final = 2.0
"""The pause before a stream that ended is opened again."""

LONGEST_RETRY_SECONDS: Final = 30.0
"""The longest pause while the bank cannot be reached. The bank may ask for a longer one."""

SILENCE_SECONDS: Final = 45.0
"""A stream without a byte for this long is lost. The bank sends a comment every 15 seconds."""

# No resource has this id. So a list that asks for it reads to the end of the stream and has no items.
_NOTHING: Final = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Event:
    """An event: its position in the stream, its document, and the JSON text in which the bank sent it."""

    position: int
    document: dict[str, Any]
    text: str


def last_position(session: Session, types: Collection[str]) -> int:
    """Return the last position of the caller's stream. Raises Refused for a type that the bank does not know."""
    wanted: Collection[str | None] = types or [None]
    return max(int(session.get("/events", type=type, resource_id=_NOTHING)["last_position"]) for type in wanted)


def follow(
    session: Session, position: int, types: Collection[str], on_pause: Callable[[str, float], None]
) -> Iterator[Event]:
    """Yield each event after ``position`` once, in order, for ever. No ``types`` means all.

    A stream that ends or breaks is opened again after the last position that came. ``on_pause`` gets the reason and the
    seconds of the pause before. Raises Refused and NotSignedIn.
    """
    # The bank filters by one type only.
    query = {"type": next(iter(types)) if len(types) == 1 else None}
    failures = 0
    while True:
        asked_seconds: float | None = None
        reason = "The stream ended."
        try:
            headers = {"Last-Event-ID": str(position), "Accept": "text/event-stream"}
            with session.stream("/events/stream", query, headers, SILENCE_SECONDS) as parts:
                for number, text in _read(parts):
                    failures = 0
                    position = number
                    document = json.loads(text) if text else {}
                    if text and (not types or document["type"] in types):
                        yield Event(number, document, text)
        except Unreachable as problem:
            failures += 1
            asked_seconds, reason = problem.retry_after_seconds, str(problem)
        except Refused as refusal:
            if refusal.reason != "rate_limited":
                raise
            failures += 1
            asked_seconds, reason = refusal.retry_after_seconds, str(refusal)
        pause_seconds = _pause_seconds(failures, asked_seconds)
        if failures:
            on_pause(reason, pause_seconds)
        time.sleep(pause_seconds)


def _pause_seconds(failures: int, asked_seconds: float | None) -> float:
    pause = min(RETRY_SECONDS * 2.0 ** max(0, failures - 1), LONGEST_RETRY_SECONDS)
    # Clients of a server that was restarted must not all come back at once.
    return max(pause, asked_seconds or 0.0) * random.uniform(1.0, 1.25)


def _read(parts: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Yield the id and the data of each message of a stream (HTML Living Standard, section 9.2.6).

    The data is empty for a comment with an id, which names the position up to which the stream was read.
    """
    position, data = 0, ""
    has_position = False
    for line in _lines(parts):
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            position, has_position = int(value), True
        elif name == "data":
            data = value
        elif not line and has_position:
            yield position, data
            data, has_position = "", False


def _lines(parts: Iterable[bytes]) -> Iterator[str]:
    # httpx would also split at the other line breaks of Unicode, which JSON may contain.
    rest = b""
    for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line.decode()
