"""A TCP proxy between a client and a server that can cut or stall a request or its answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

PASS = "pass"
"""The request goes to the server, the answer comes back."""

LOSE_REQUEST = "lose request"
"""The connection is cut before the server gets the request."""

LOSE_ANSWER = "lose answer"
"""The server answers, and the connection is cut instead of passing the answer on."""

STALL_REQUEST = "stall request"
"""The request stays on the wire: the server does not get it, and the connection stays open."""

STALL_ANSWER = "stall answer"
"""The server's answer stays on the wire."""


CUT_ANSWER = "cut answer"
"""The connection is cut in the middle of the answer."""

BUSY = "busy"
"""The wire answers in place of the server: 503 with Retry-After."""

RETRY_AFTER_SECONDS = 7
_BUSY = f"HTTP/1.1 503 Unavailable\r\nRetry-After: {RETRY_AFTER_SECONDS}\r\nContent-Length: 0\r\n\r\n".encode()


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    key: str | None
    last_event_id: str | None = None


class Wire:
    """Listens on ``url`` and forwards to ``target``; ``act`` returns the action for a request."""

    def __init__(self, target: str) -> None:
        self.act: Callable[[Request], str] = lambda _request: PASS
        self.requests: list[Request] = []
        self.stalled = threading.Event()
        self._target = ("127.0.0.1", urlsplit(target).port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._closed = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def posts(self, path: str = "") -> list[Request]:
        return [request for request in self.requests if request.method == "POST" and request.path.startswith(path)]

    def on_posts(self, path: str, *actions: str) -> None:
        """Apply ``actions`` in turn to the first POSTs to ``path``; every other request passes."""
        left = list(actions)

        def act(request: Request) -> str:
            is_meant = request.method == "POST" and request.path == path
            return left.pop(0) if is_meant and left else PASS

        self.act = act

    def close(self) -> None:
        self._closed.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        with suppress(OSError):
            while not self._closed.is_set():
                connection, _ = self._listener.accept()
                thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            raw = _read_request(client)
            request = _parse(raw)
            self.requests.append(request)
            action = self.act(request)
            if action == STALL_REQUEST:
                self._stall()
            if action == BUSY:
                client.sendall(_BUSY)
            if action in (STALL_REQUEST, LOSE_REQUEST, BUSY):
                return
            with socket.create_connection(self._target) as server:
                server.sendall(raw)
                answer = _read_to_end(server)
            if action == STALL_ANSWER:
                self._stall()
            if action == CUT_ANSWER:
                client.sendall(answer[: len(answer) - 20])
            if action == PASS:
                client.sendall(answer)

    def _stall(self) -> None:
        self.stalled.set()
        self._closed.wait(30)


def _read_request(connection: socket.socket) -> bytes:
    raw = b""
    while b"\r\n\r\n" not in raw:
        raw += connection.recv(65536)
    head, _, body = raw.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def _read_to_end(connection: socket.socket) -> bytes:
    # The server under test speaks HTTP/1.0: it closes the connection after its answer.
    answer = b""
    while part := connection.recv(65536):
        answer += part
    return answer


def _parse(raw: bytes) -> Request:
    lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    method, path, _ = lines[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    return Request(method, path.partition("?")[0], headers.get("idempotency-key"), headers.get("last-event-id"))
