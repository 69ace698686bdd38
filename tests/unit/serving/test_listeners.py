"""A listener that takes no further connection keeps those it has."""

from __future__ import annotations

import socket

import pytest

from bankapp.serving.listeners import stop_new_connections


def test_new_connections_are_kept_out_and_those_in_the_queue_are_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        address = listener.getsockname()
        with socket.create_connection(address, 5) as queued:
            stop_new_connections(listener)
            with pytest.raises(TimeoutError):
                socket.create_connection(address, 0.2)
            queued.sendall(b"there")
            accepted, _ = listener.accept()
            with accepted:
                assert accepted.recv(100) == b"there"
                accepted.sendall(b"back")
            assert queued.recv(100) == b"back"
            listener.setblocking(False)
            with pytest.raises(BlockingIOError):
                listener.accept()


def test_a_socket_of_another_family_stays_as_it_is() -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        stop_new_connections(listener)
