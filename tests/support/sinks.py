"""A receiver of webhooks on 127.0.0.1 that answers as a test tells it.

with Sink() as sink:
    sink.answer = lambda message: Reply(503, {"Retry-After": "60"})
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from standardwebhooks.webhooks import Webhook


@dataclass(frozen=True)
class Reply:
    status: int = 204
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Message:
    """A request as it arrived, with monotonic times."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    began: float
    ended: float

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def event(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["data"]
        return found

    def verify(self, secret: str) -> dict[str, Any]:
        """Check the signature by an independent library and return the document."""
        return dict(Webhook(secret).verify(self.body, dict(self.headers)))


class Sink:
    """An HTTP server whose ``messages`` are what it has answered, in the order in which they came in."""

    def __init__(self, answer: Callable[[Message], Reply] | None = None) -> None:
        self.answer = answer or (lambda _message: Reply())
        self.messages: list[Message] = []
        self.lock = threading.Lock()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                began = time.monotonic()
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                reply = sink.answer(Message(self.path, headers, body, began, 0))
                with sink.lock:
                    sink.messages.append(Message(self.path, headers, body, began, time.monotonic()))
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def log_message(self, format: str, *args: Any) -> None:
                """Write nothing."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Ignore a sender that closed its connection."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def types(self) -> list[str]:
        return [message.document["type"] for message in self.messages]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
