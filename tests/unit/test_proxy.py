"""The proxy that fault tests put in front of PostgreSQL."""

from __future__ import annotations

import socket

from tests.support.proxy import Cutter


def test_the_proxy_accepts_connections_again_after_its_server_was_down() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with Cutter(port) as proxy:
        address = ("127.0.0.1", proxy.port)
        with socket.create_connection(address, timeout=5) as client:
            assert client.recv(1) == b""
        with socket.create_server(("127.0.0.1", port)) as server, socket.create_connection(address) as client:
            server.settimeout(5)
            client.sendall(b"hello")
            accepted, _ = server.accept()
            with accepted:
                assert accepted.recv(5) == b"hello"
