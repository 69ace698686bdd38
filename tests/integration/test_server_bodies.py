"""Body limits behind gunicorn, because the test client cannot send a chunked body."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from config import ROOT
from tests.support.databases import SECRET
from tests.support.factories import PASSWORD

LIMIT = 64 * 1024
CREDENTIALS = json.dumps({"email": "nobody@example.com", "password": PASSWORD}).encode()


@pytest.fixture(scope="module")
def server(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("server")
    shutil.copyfile(sqlite_template, folder / "bank.sqlite3")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    environ = os.environ | {
        "BANKAPP_ENV": "testing",
        "DATABASE_URL": f"sqlite:///{folder / 'bank.sqlite3'}",
        "JWT_SECRET": SECRET,
        "WEB_CONCURRENCY": "1",
        "RATELIMIT_ENABLED": "true",
    }
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{address[1]}", "wsgi:app"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
        try:
            _wait_for(address, process, folder / "log")
            yield address
        finally:
            process.terminate()
            assert process.wait(20) == 0, (folder / "log").read_text()


def _wait_for(address: tuple[str, int], process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        with socket.socket() as probe:
            if probe.connect_ex(address) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def chunked(body: bytes, size: int = 5000) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in [*parts, b""])


def send(address: tuple[str, int], framing: str, body: bytes) -> tuple[int, Any]:
    head = (
        "POST /v1/auth/login HTTP/1.1\r\nHost: bank\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\n{framing}\r\n\r\n"
    )
    with socket.create_connection(address, timeout=10) as connection:
        # The server may answer and close before it has read all of a body that is too large.
        with contextlib.suppress(OSError):
            connection.sendall(head.encode() + body)
        answer = b""
        while part := connection.recv(65_536):
            answer += part
    top, _, document = answer.partition(b"\r\n\r\n")
    return int(top.split()[1]), json.loads(document)


def test_a_chunked_body_is_read(server: tuple[str, int]) -> None:
    for body in (CREDENTIALS, CREDENTIALS.ljust(LIMIT)):
        status, problem = send(server, "Transfer-Encoding: chunked", chunked(body))
        assert (status, problem["code"]) == (401, "invalid_credentials")


def test_a_chunked_body_over_the_limit_is_refused_wherever_it_ends(server: tuple[str, int]) -> None:
    # The limits on sign-ins read the body before the parser does. The parser must not take the rest for a body.
    body = b" " * (LIMIT + 1) + CREDENTIALS
    status, problem = send(server, "Transfer-Encoding: chunked", chunked(body))
    assert (status, problem["code"]) == (413, "payload_too_large")


def test_a_chunked_body_is_not_cut_off_at_the_limit(server: tuple[str, int]) -> None:
    # A body that is cut off at the limit would be complete JSON.
    status, problem = send(server, "Transfer-Encoding: chunked", chunked(CREDENTIALS.ljust(LIMIT + 1)))
    assert (status, problem["code"]) == (413, "payload_too_large")


@pytest.mark.parametrize(
    ("size", "expected"), [(LIMIT, (401, "invalid_credentials")), (LIMIT + 1, (413, "payload_too_large"))]
)
def test_a_body_with_a_length_is_limited(server: tuple[str, int], size: int, expected: tuple[int, str]) -> None:
    status, problem = send(server, f"Content-Length: {size}", CREDENTIALS.ljust(size))
    assert (status, problem["code"]) == expected


def test_a_body_is_refused_by_its_announced_length(server: tuple[str, int]) -> None:
    status, problem = send(server, "Content-Length: 1000000000", b"{")
    assert (status, problem["code"]) == (413, "payload_too_large")


def test_a_missing_body_is_refused(server: tuple[str, int]) -> None:
    status, problem = send(server, "Content-Length: 0", b"")
    assert (status, problem["code"]) == (400, "malformed_request")
