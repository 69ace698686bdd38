"""HTTP byte by byte, for requests that no client library would send."""

from __future__ import annotations

import contextlib
import json
import socket
from dataclasses import dataclass
from typing import Any

from werkzeug.datastructures import Headers

TIMEOUT_SECONDS = 15


@dataclass(frozen=True)
class RawAnswer:
    status: int
    headers: Headers
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["Content-Type"] == "application/problem+json"
        document: dict[str, Any] = json.loads(self.body)
        return document


def connect(address: str, **options: int) -> socket.socket:
    """Open a connection to ``host:port``."""
    host, port = address.split(":")
    connection = socket.create_connection((host, int(port)), TIMEOUT_SECONDS)
    for name, value in options.items():
        connection.setsockopt(socket.SOL_SOCKET, getattr(socket, name), value)
    return connection


def exchange(address: str, data: bytes, *, half_close: bool = False) -> RawAnswer:
    """Send ``data`` on a connection of its own and return the answer."""
    with connect(address) as connection:
        # The server may answer and close before it has read everything.
        with contextlib.suppress(OSError):
            connection.sendall(data)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
        return read_answer(connection)


def read_all(connection: socket.socket) -> bytes:
    received = b""
    while part := connection.recv(65_536):
        received += part
    return received


def read_answer(connection: socket.socket) -> RawAnswer:
    """Read until the server closes."""
    return parsed(read_all(connection))


def parsed(data: bytes) -> RawAnswer:
    head, _, body = data.partition(b"\r\n\r\n")
    line, *fields = head.decode("latin-1").split("\r\n")
    headers = Headers([(name, value.strip()) for name, _, value in (field.partition(":") for field in fields)])
    return RawAnswer(int(line.split()[1]), headers, body)


def request(method: str, path: str, *fields: str, body: bytes = b"") -> bytes:
    head = "\r\n".join([f"{method} {path} HTTP/1.1", "Host: bank", *fields])
    return head.encode("latin-1") + b"\r\n\r\n" + body
