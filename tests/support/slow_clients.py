"""Clients that connect and wait, or send byte by byte."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from threading import Event, Thread

from tests.support.raw_http import connect, request
from tests.support.servers import GunicornServer

HEAD = request("POST", "/v1/auth/login", "Content-Type: application/json", "X-Long: " + "a" * 4000)
BODY = request("POST", "/v1/auth/login", "Content-Type: application/json", "Content-Length: 60000")


@contextmanager
def slow_clients(server: GunicornServer, count: int) -> Iterator[list[socket.socket]]:
    """Hold ``count`` connections: half of them idle, a quarter each sends its head or its body byte by byte."""
    with ExitStack() as stack:
        connections = [stack.enter_context(connect(server.address)) for _ in range(count)]
        dripping = connections[count // 2 :]
        for connection in dripping[::2]:
            connection.sendall(BODY)
        over = Event()
        drip = Thread(target=_drip, args=(dripping, over))
        drip.start()
        try:
            yield connections
        finally:
            over.set()
            drip.join()


def _drip(connections: list[socket.socket], over: Event) -> None:
    for at in range(len(HEAD)):
        for number, connection in enumerate(connections):
            connection.sendall(HEAD[at : at + 1] if number % 2 else b" ")
        if over.wait(0.3):
            return
