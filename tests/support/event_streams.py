"""A client of server-sent events that reads bytes, and a sequencer that numbers events in the background."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Flask

from tests.support.factories import Caller
from tests.support.raw_http import connect, request
from tests.support.streams import number

_CHUNK: Final = re.compile(rb"([0-9A-Fa-f]+)\r\n")


@contextmanager
def sequencer(app: Flask) -> Iterator[None]:
    """Number new events as the background worker does; an outage of the database does not end it."""
    over = threading.Event()
    problems: list[BaseException] = []

    def run() -> None:
        while not over.wait(0.05):
            try:
                number(app)
            except Exception as problem:  # noqa: BLE001 - the test may stop the database
                problems.append(problem)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@dataclass
class Listener:
    """A connection to an event stream: its status and head, its events so far, and whether it ended."""

    address: str
    caller: Caller
    path: str = "/v1/events/stream?after=0"
    fields: tuple[str, ...] = ()
    head: str = ""
    raw: bytes = b""
    text: str = ""
    is_ended: bool = False
    _unparsed: bytes = field(default=b"", repr=False)

    def __post_init__(self) -> None:
        self.sock = connect(self.address)
        token = f"Authorization: Bearer {self.caller.tokens['access_token']}"
        self.sock.sendall(request("GET", self.path, token, *self.fields))

    @property
    def status(self) -> int:
        self.read_until(lambda: bool(self.head))
        return int(self.head.split()[1])

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(data) for data in re.findall(r"^data: (.*)$", self.text, re.MULTILINE)]

    @property
    def last_id(self) -> int:
        return int(re.findall(r"^id: (\d+)$", self.text, re.MULTILINE)[-1])

    def read_until(self, condition: Any, seconds: float = 10) -> Listener:
        """Read until ``condition()`` holds; a timeout fails the test."""
        deadline = time.monotonic() + seconds
        while not condition():
            remaining = deadline - time.monotonic()
            assert remaining > 0, f"it did not come in time: {self.head}{self.text}"
            self.sock.settimeout(remaining)
            try:
                data = self.sock.recv(65_536)
            except TimeoutError:
                continue
            except ConnectionResetError:
                data = b""
            assert data or not self.is_ended, f"the stream is over: {self.head}{self.text}"
            self._take(data)
        return self

    def read_event(self, resource_id: str, seconds: float = 10) -> dict[str, Any]:
        """Read until an event about a resource has come, and return it."""
        self.read_until(lambda: any(event["resource_id"] == resource_id for event in self.events), seconds)
        return next(event for event in self.events if event["resource_id"] == resource_id)

    def read_to_end(self, seconds: float = 10) -> Listener:
        return self.read_until(lambda: self.is_ended, seconds)

    def close(self) -> None:
        self.sock.close()

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, data: bytes) -> None:
        self.raw += data
        self._unparsed += data
        if not self.head and b"\r\n\r\n" in self._unparsed:
            head, _, self._unparsed = self._unparsed.partition(b"\r\n\r\n")
            self.head = head.decode()
        is_chunked = "transfer-encoding: chunked" in self.head.lower()
        while is_chunked and (size := _CHUNK.match(self._unparsed)):
            end = size.end() + int(size[1], 16)
            if len(self._unparsed) < end + 2:
                break
            self.text += self._unparsed[size.end() : end].decode()
            self._unparsed = self._unparsed[end + 2 :]
            self.is_ended = self.is_ended or int(size[1], 16) == 0
        if self.head and not is_chunked:
            self.text += self._unparsed.decode()
            self._unparsed = b""
        self.is_ended = self.is_ended or not data
