"""A TCP proxy in front of PostgreSQL that can cut a connection at a statement.

    with Cutter(port) as proxy:
        proxy.cut(COMMIT, delivered=True)

The next statement with these words either reaches the server, whose answer is then dropped, or does not arrive. In
both cases the client's connection ends while the client waits for the answer.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

# With the zero that ends a query, because READ COMMITTED begins with the same letters as its last word.
COMMIT: Final = b"COMMIT\0"


class Cutter:
    """Listens on 127.0.0.1 and a free port; one thread for each direction of each connection."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._words: bytes | None = None
        self._delivered = False
        self.cuts = 0

    @property
    def port(self) -> int:
        port: int = self._listener.getsockname()[1]
        return port

    def cut(self, words: bytes, *, delivered: bool) -> None:
        """Cut the connection once, at the next statement with these words, after or before its delivery."""
        with self._lock:
            self._words, self._delivered = words, delivered

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self._target))
                except OSError:
                    # The server is down: its client finds a closed connection, as without the proxy.
                    client.close()
                    continue
                silenced = threading.Event()
                for run in (self._to_server, self._to_client):
                    threading.Thread(target=run, args=(client, server, silenced), daemon=True).start()

    def _to_server(self, client: socket.socket, server: socket.socket, silenced: threading.Event) -> None:
        with _both_end(client, server):
            while data := client.recv(65536):
                if self._is_to_be_cut(data):
                    self.cuts += 1
                    if not self._delivered:
                        return
                    silenced.set()
                server.sendall(data)

    def _to_client(self, client: socket.socket, server: socket.socket, silenced: threading.Event) -> None:
        with _both_end(client, server):
            while data := server.recv(65536):
                if silenced.is_set():
                    # The server has executed the statement; its answer is dropped.
                    return
                client.sendall(data)

    def _is_to_be_cut(self, data: bytes) -> bool:
        with self._lock:
            if self._words is None or self._words not in data:
                return False
            self._words = None
            return True


@contextlib.contextmanager
def _both_end(*ends: socket.socket) -> Iterator[None]:
    try:
        with contextlib.suppress(OSError):
            yield
    finally:
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
