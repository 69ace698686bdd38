"""An answer waits for its client without anybody waiting with it."""

from __future__ import annotations

import random
import socket

import pytest

from bankapp.serving.outgoing import MEMORY_BYTES, Outgoing


@pytest.mark.parametrize("size", [0, 1, MEMORY_BYTES, MEMORY_BYTES + 1, 5 * MEMORY_BYTES])
def test_the_client_gets_all_of_it_in_its_own_time(size: int) -> None:
    data = random.Random(1).randbytes(size)
    answer = Outgoing()
    for at in range(0, size, 100_001):
        answer.sendall(data[at : at + 100_001])
    answer.finish()
    server, client = socket.socketpair()
    with server, client:
        server.setblocking(False)
        client.setblocking(False)
        received = b""
        while not answer.send_to(server):
            received += client.recv(1_000_000)
        server.close()
        while part := client.recv(1_000_000):
            received += part
    assert received == data
    answer.close()


def test_what_is_not_taken_is_forgotten() -> None:
    answer = Outgoing()
    answer.sendall(b"a" * (MEMORY_BYTES + 1))
    answer.finish()
    answer.close()
    server, client = socket.socketpair()
    with server, client:
        assert answer.send_to(server)
        server.close()
        assert client.recv(1) == b""
