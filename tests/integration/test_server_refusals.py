"""What the server answers by itself has the shape, the headers and the log line of every other answer."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.raw_http import connect, exchange, parsed, read_all, read_answer, request
from tests.support.servers import GunicornServer, until

JSON = "Content-Type: application/json"
TOKEN = "Bearer-of-a-secret"


@pytest.fixture(scope="module")
def server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    folder = tmp_path_factory.mktemp("server")
    url = f"sqlite:///{shutil.copyfile(sqlite_template, folder / 'bank.sqlite3')}"
    with GunicornServer(url, folder, WEB_CONCURRENCY="1", WEB_THREADS="1") as running:
        yield running


UNREADABLE = {
    "no HTTP": (400, b"HELLO\r\n\r\n"),
    "TLS": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n\n"),
    "method": (400, request("get", "/v1/health")),
    "version": (400, b"GET / HTTP/4.7\r\n\r\n"),
    "bare line feed": (400, b"GET / HTTP/1.1\nHost: bank\n\n"),
    "no colon": (400, request("GET", "/v1/health", f"Authorization {TOKEN}")),
    "space in a name": (400, request("GET", "/v1/health", f"Authorization : {TOKEN}")),
    "folded": (400, request("GET", "/v1/health", "X-A: b", " c")),
    "two hosts": (400, request("GET", "/v1/health", "Host: other")),
    "two lengths": (400, request("POST", "/v1/auth/login", "Content-Length: 1", "Content-Length: 2", body=b"{}")),
    "length of letters": (400, request("POST", "/v1/auth/login", "Content-Length: two", body=b"{}")),
    "length and chunks": (
        400,
        request("POST", "/v1/auth/login", "Content-Length: 5", "Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    ),
    "long line": (414, request("GET", "/" + "a" * 5000)),
    "expectation": (417, request("POST", "/v1/auth/login", "Expect: wonders", "Content-Length: 2", body=b"{}")),
    "long field": (431, request("GET", "/v1/health", "X-A: " + "a" * 9000)),
    "many fields": (431, request("GET", "/v1/health", *[f"X-{number}: a" for number in range(200)])),
    "long head": (431, b"GET / HTTP/1.1\r\n" + b"X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n" * 2500),
    "coding": (501, request("POST", "/v1/auth/login", "Transfer-Encoding: wrapped", body=b"{}")),
}


@pytest.mark.parametrize(("status", "data"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_request_that_cannot_be_read(server: GunicornServer, status: int, data: bytes) -> None:
    answer = exchange(server.address, data)
    assert answer.status == status
    problem = answer.problem
    assert problem.keys() == {"type", "title", "status", "detail", "instance", "code", "request_id"}
    assert (problem["status"], problem["code"]) == (status, "malformed_request")
    headers = answer.headers
    assert headers["X-Request-Id"] == problem["request_id"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert headers["Cache-Control"] == "no-store"
    assert headers["Connection"] == "close"
    until(lambda: any(line["request_id"] == problem["request_id"] for line in server.lines))
    [line] = [line for line in server.lines if line["request_id"] == problem["request_id"]]
    assert (line["status"], line["ip"], line["level"]) == (status, "127.0.0.1", "info")
    assert TOKEN not in server.log.read_text() + answer.body.decode()


def test_it_keeps_the_request_id(server: GunicornServer) -> None:
    answer = exchange(server.address, request("GET", "/v1/health", "X-Request-Id: request-4715", "broken"))
    assert answer.headers["X-Request-Id"] == answer.problem["request_id"] == "request-4715"
    assert answer.problem["instance"] == "/v1/health"
    assert exchange(server.address, request("GET", "/", "X-Request-Id: <b>", "broken")).headers["X-Request-Id"] != "<b>"


def test_head_has_no_body(server: GunicornServer) -> None:
    answer = exchange(server.address, request("HEAD", "/v1/health", "broken"))
    assert (answer.status, answer.body) == (400, b"")


def test_a_head_that_ends_early(server: GunicornServer) -> None:
    answer = exchange(server.address, b"GET /v1/health HTTP/1.1\r\nHost: ba", half_close=True)
    assert (answer.status, answer.problem["code"]) == (400, "malformed_request")


def test_the_body_may_wait_for_leave(server: GunicornServer) -> None:
    head = (JSON, "Content-Length: 2", "Expect: 100-continue", "Connection: close")
    with connect(server.address) as connection:
        connection.sendall(request("POST", "/v1/auth/login", *head))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert read_answer(connection).status == 422
    # A length that will be refused needs no leave.
    answer = exchange(server.address, request("POST", "/v1/auth/login", "Content-Length: 9999999", head[2]))
    assert answer.status == 413


def test_no_header_names_another_path_or_scheme(server: GunicornServer) -> None:
    for prefix in ("/v1", "//evil.example", "/x", ""):
        for name in ("SCRIPT_NAME", "Script_Name", "PATH_INFO", "X-Script-Name", "X-Forwarded-Prefix"):
            answer = exchange(server.address, request("GET", "/x/metrics", f"{name}: {prefix}"))
            assert (answer.status, answer.problem["code"]) == (404, "not_found")
            assert answer.problem["instance"] == "/x/metrics"
    for prefix in ("//evil.example", "/y"):
        for path in (f"{prefix}/pages", f"{prefix}/docs", "/docs"):
            answer = exchange(server.address, request("GET", path, f"SCRIPT_NAME: {prefix}"))
            assert "evil" not in str(answer.headers)
            assert answer.status in (200, 404, 308)
    for name in ("X-Forwarded-Proto", "X-Forwarded-Protocol", "X-Forwarded-Ssl"):
        both = request("GET", "/v1/health", f"{name}: https", "X-Forwarded-Ssl: off", f"{name}: http")
        assert exchange(server.address, both).status == 200


@pytest.fixture
def keeping(sqlite_template: Path, tmp_path: Path) -> Iterator[GunicornServer]:
    url = f"sqlite:///{shutil.copyfile(sqlite_template, tmp_path / 'bank.sqlite3')}"
    with GunicornServer(url, tmp_path, WEB_CONCURRENCY="1", WEB_THREADS="2") as running:
        yield running


def test_a_connection_carries_several_requests(keeping: GunicornServer) -> None:
    body = b'{"email": "nobody@bank.example", "password": "violet-otter-sings-17"}'
    login = request(
        "POST", "/v1/auth/login", "Content-Type: application/json", f"Content-Length: {len(body)}", body=body
    )
    last = request("GET", "/v1/health/live", "Connection: close")
    with connect(keeping.address) as connection:
        # In one piece, and cut in the middle of the third.
        connection.sendall(login + login + last[:10])
        _read_until(connection, b"invalid_credentials", 2)
        connection.sendall(last[10:])
        assert read_all(connection).endswith(b'{"status":"ok"}')
    with connect(keeping.address) as connection:
        for _ in range(3):
            connection.sendall(request("GET", "/v1/nowhere"))
            _read_until(connection, b"not_found", 2)


def test_nothing_follows_a_request_that_cannot_be_read(keeping: GunicornServer) -> None:
    broken = request(
        "POST", "/v1/auth/login", "Content-Type: application/json", "Transfer-Encoding: chunked", body=b"zz\r\n"
    )
    for first in (broken, request("GET", "/v1/health/live", "broken")):
        with connect(keeping.address) as connection:
            connection.sendall(first + request("GET", "/v1/health/live"))
            received = read_all(connection)
        assert received.count(b"\r\nX-Request-Id: ") == 1
        assert parsed(received).status == 400


def _read_until(connection: socket.socket, text: bytes, times: int) -> None:
    received = b""
    while received.count(text) < times:
        part = connection.recv(65_536)
        assert part, received
        received += part
