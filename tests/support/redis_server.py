"""A server that implements enough of Redis' protocol to count, and fails after a number of counts."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ANSWERS: Final = {
    b"HELLO": b"%1\r\n$5\r\nproto\r\n:3\r\n",
    b"PING": b"+PONG\r\n",
    b"SCRIPT": b"$40\r\n" + b"a" * 40 + b"\r\n",
    b"EVALSHA": b":1\r\n",
    b"GET": b"$1\r\n1\r\n",
    b"TTL": b":60\r\n",
    b"PTTL": b":60000\r\n",
}


class RedisServer(socketserver.ThreadingTCPServer):
    """Answers ``last_counts`` counts, then closes every connection."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, last_counts: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.counts_left = last_counts

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.server_address[1]}/0"


class _Handler(socketserver.StreamRequestHandler):
    server: RedisServer

    def handle(self) -> None:
        while self.server.counts_left and (command := self._command()):
            name = command[0].upper()
            self.server.counts_left -= name == b"EVALSHA"
            self.wfile.write(_ANSWERS.get(name, b"+OK\r\n"))

    def _command(self) -> list[bytes]:
        head = self.rfile.readline()
        parts = []
        for _ in range(int(head[1:] or b"0")):
            size = int(self.rfile.readline()[1:])
            parts.append(self.rfile.read(size + 2)[:-2])
        return parts


@contextmanager
def counting_redis(last_counts: int) -> Iterator[RedisServer]:
    """Serve until the block ends."""
    with RedisServer(last_counts) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
