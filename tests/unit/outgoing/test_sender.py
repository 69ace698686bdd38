"""The sender of messages, against servers on this machine that misbehave."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bankapp.outgoing import addresses
from bankapp.outgoing.sender import ANSWER_LIMIT_BYTES, Answer, Message, Sender, send
from tests.support.certificates import self_signed
from tests.support.sinks import Reply, Sink

Serve = Callable[[socket.socket], None]

stopped = threading.Event()
"""Set when a raw server is to stop, so that no test waits for its end."""


@contextmanager
def raw_server(serve: Serve) -> Iterator[int]:
    """Serve each connection by ``serve``, after it has read a first part of the request; yield the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    stopped.clear()

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(5)
                try:
                    serve(connection)
                except OSError:
                    continue

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        stopped.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def post(url: str, body: bytes = b"{}", timeout: float = 10, **options: Any) -> Answer:
    tls = options.pop("tls", None)
    return send(Message(url, {"X-Test": "1"}, body, **({"allow_loopback": True} | options)), tls, timeout)


def read_request(connection: socket.socket) -> None:
    """Read the whole request. A server that closes with unread data resets the connection, and its answer is lost."""
    data = b""
    while not data.endswith(b"\r\n\r\n{}"):
        part = connection.recv(65_536)
        if not part:
            return
        data += part


def answering(data: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(data)

    return serve


def test_the_message_arrives_as_it_is() -> None:
    with Sink(lambda _message: Reply(201, {"Retry-After": "7"}, b"x" * 3000)) as sink:
        answer = post(f"{sink.url}?a=b", b'{"a": 1}')
    [message] = sink.messages
    assert (message.path, message.body) == ("/hook?a=b", b'{"a": 1}')
    assert message.headers["x-test"] == "1"
    assert message.headers["host"] == f"127.0.0.1:{sink.port}"
    assert (answer.status_code, answer.body, answer.retry_after) == (201, b"x" * 1024, "7")
    assert answer.is_success
    assert answer.error is None


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with Sink() as elsewhere, Sink(lambda _message: Reply(status, {"Location": elsewhere.url})) as sink:
        answer = post(sink.url)
    assert (answer.status_code, answer.is_success) == (status, False)
    assert elsewhere.messages == []


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with Sink() as proxy, Sink() as sink:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert post(sink.url).is_success
    assert proxy.messages == []
    assert len(sink.messages) == 1


def test_an_address_inside_is_not_connected_to() -> None:
    with Sink() as sink:
        assert post(sink.url, allow_loopback=False).error == "address_refused"
    assert sink.messages == []


def test_the_name_is_resolved_once_and_the_checked_address_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers 127.0.0.1 first and another address afterwards is asked only once."""
    answers = iter(["127.0.0.1", "10.0.0.1"])
    asked = []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    connected = []
    create_connection = socket.create_connection

    def connect(address: tuple[str, int], *args: Any, **kwargs: Any) -> socket.socket:
        connected.append(address[0])
        assert addresses.ip_address(address[0]), "a name would be resolved again"
        monkeypatch.undo()
        return create_connection(address, *args, **kwargs)

    with Sink() as sink:
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(socket, "create_connection", connect)
        assert post(f"http://hook.localhost:{sink.port}/").is_success
    assert (asked, connected) == (["hook.localhost"], ["127.0.0.1"])


def test_the_next_address_is_tried_when_one_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_look_up", lambda *_: ["127.0.0.2", "127.0.0.1"])
    with Sink() as sink:
        assert post(f"http://hook.localhost:{sink.port}/").is_success


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    return self_signed(tmp_path, "ada.localhost")


@pytest.fixture
def own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name have the address of this machine; not every system resolves names under localhost."""
    monkeypatch.setattr(addresses, "_look_up", lambda *_: ["127.0.0.1"])


def test_tls_verifies_the_name_and_sends_it(own_names: None, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    server, client = tls
    names = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)

    def serve(connection: socket.socket) -> None:
        with server.wrap_socket(connection, server_side=True) as secure:
            read_request(secure)
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with raw_server(serve) as port:
        answer = post(f"https://ada.localhost:{port}/", tls=client)
        other = post(f"https://bob.localhost:{port}/", tls=client)
        untrusted = post(f"https://ada.localhost:{port}/")
    assert (answer.status_code, answer.body) == (200, b"ok")
    assert names == ["ada.localhost", "bob.localhost", "ada.localhost"]
    assert other.error == untrusted.error == "tls_failed"


def drip(start: bytes, piece: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(start)
        while not stopped.wait(0.05):
            connection.sendall(piece)

    return serve


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"", b""),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"a"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silent", "a long header", "many headers", "body", "chunks", "interim answers"],
)
def test_one_deadline_holds_for_the_whole_answer(start: bytes, piece: bytes) -> None:
    with raw_server(drip(start, piece)) as port:
        began = time.monotonic()
        answer = post(f"http://127.0.0.1:{port}/", timeout=0.4)
        took = time.monotonic() - began
    assert answer.error == "timeout"
    assert not answer.is_success
    assert 0.3 < took < 5


def test_a_handshake_that_never_ends_is_a_timeout(own_names: None) -> None:
    with raw_server(lambda _connection: stopped.wait(5) and None) as port:
        assert post(f"https://ada.localhost:{port}/", timeout=0.3).error == "timeout"


def test_a_long_answer_is_not_read_to_its_end() -> None:
    sent = []

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(1000):
            connection.sendall(b"10000\r\n" + b"a" * 65_536 + b"\r\n")
            sent.append(65_536)

    with raw_server(serve) as port:
        answer = post(f"http://127.0.0.1:{port}/")
    assert (answer.status_code, answer.body) == (200, b"a" * 1024)
    assert sum(sent) < 1000 * 65_536, "the whole answer was read"


def test_endless_headers_are_refused() -> None:
    data = b"HTTP/1.1 200 OK\r\n" + b"X-Header: 1\r\n" * ANSWER_LIMIT_BYTES
    with raw_server(answering(data)) as port:
        assert post(f"http://127.0.0.1:{port}/").error == "answer_too_large"


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-OpenSSH_9\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\na"])
def test_an_answer_that_is_none_is_a_failure(data: bytes) -> None:
    with raw_server(answering(data)) as port:
        answer = post(f"http://127.0.0.1:{port}/")
    assert answer.error in ("answer_invalid", "connection_lost")
    assert not answer.is_success


def test_a_name_without_an_address_is_a_failure() -> None:
    assert post("https://does-not-exist.invalid/").error == "host_not_found"


def kept_open(answers: list[bytes]) -> tuple[Serve, list[int]]:
    """Return a server that gives each connection one of ``answers`` after another, and its connections' ports."""
    ports: list[int] = []

    def serve(connection: socket.socket) -> None:
        ports.append(connection.getpeername()[1])
        while answers:
            read_request(connection)
            data = answers.pop(0)
            if not data:
                return
            connection.sendall(data)
            if b"close" in data:
                return

    return serve, ports


OK = b"HTTP/1.1 204 No Content\r\n\r\n"


def test_a_sender_uses_a_connection_again() -> None:
    serve, ports = kept_open([OK, b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000, OK, OK])
    with raw_server(serve) as port, Sender() as sender:
        message = Message(f"http://127.0.0.1:{port}/", {}, b"{}", allow_loopback=True)
        answers = [sender.send(message) for _ in range(4)]
    # Each answer may have the largest size, and each message has its own time.
    assert [answer.status_code for answer in answers] == [204, 200, 204, 204]
    assert len(ports) == 1


def test_a_connection_that_the_server_closed_is_replaced() -> None:
    for gone in (b"", b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"):
        serve, ports = kept_open([OK, gone, OK, OK])
        with raw_server(serve) as port, Sender() as sender:
            message = Message(f"http://127.0.0.1:{port}/", {}, b"{}", allow_loopback=True)
            assert [sender.send(message).status_code for _ in range(3)] == [204, 204, 204]
        assert len(ports) == 2


def test_a_new_connection_that_the_server_closes_is_a_failure() -> None:
    serve, ports = kept_open([b"", OK])
    with raw_server(serve) as port, Sender() as sender:
        answer = sender.send(Message(f"http://127.0.0.1:{port}/", {}, b"{}", allow_loopback=True))
    assert (answer.status_code, answer.error) == (None, "answer_invalid")
    assert len(ports) == 1
