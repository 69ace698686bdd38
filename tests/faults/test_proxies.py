"""The proxies of ``deploy/`` as they stand there, but for ports, certificates and where they log."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stage import free_port
from config import ROOT
from tests.faults.production import production
from tests.support.factories import PASSWORD
from tests.support.servers import GunicornServer, until

CREDENTIALS = json.dumps({"email": "nobody@bank.example", "password": PASSWORD})


@dataclass(frozen=True)
class Proxy:
    port: int

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, http.client.HTTPMessage, Any]:
        # The certificate is the test's own.
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())
        finally:
            connection.close()


@contextmanager
def nginx(server: GunicornServer, folder: Path) -> Iterator[Proxy]:
    port = free_port()
    places = {"/etc/ssl/bank": str(folder), "/var/log/nginx": str(folder), "/run/nginx.pid": f"{folder}/nginx.pid"}
    config = _adapted("nginx.conf", folder, places | {"127.0.0.1:8000": server.address, "443 ssl": f"{port} ssl"})
    command = [_program("nginx"), "-p", str(folder), "-e", f"{folder}/start.log", "-c", str(config)]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    with _running([*command, "-g", "daemon off;"], signal.SIGQUIT, port):
        yield Proxy(port)


@contextmanager
def haproxy(server: GunicornServer, folder: Path) -> Iterator[Proxy]:
    port = free_port()
    places = {"/etc/ssl/bank": str(folder), "127.0.0.1:8000": server.address, "bind :443": f"bind 127.0.0.1:{port}"}
    config = _adapted("haproxy.cfg", folder, places)
    command = [_program("haproxy"), "-f", str(config)]
    subprocess.run([*command, "-c"], check=True, capture_output=True)
    with _running([*command, "-db"], signal.SIGTERM, port):
        yield Proxy(port)


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        assert os.environ.get("PROXIES_REQUIRED") != "1", f"{name} is not installed"
        pytest.skip(f"{name} is not installed (PROXIES_REQUIRED=1 insists)")
    return found


def _adapted(name: str, folder: Path, changes: dict[str, str]) -> Path:
    text = (ROOT / "deploy" / name).read_text()
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new)
    key, certificate = folder / "privkey.pem", folder / "fullchain.pem"
    new = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=bank.example -keyout {key} -out {certificate}"
    subprocess.run(new.split(), check=True, capture_output=True)
    (folder / "bank.pem").write_text(certificate.read_text() + key.read_text())
    path = folder / name
    path.write_text(text)
    return path


@contextmanager
def _running(command: list[str], end: signal.Signals, port: int) -> Iterator[None]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until(lambda: _answers(port))
            yield
        finally:
            process.send_signal(end)


def _answers(port: int) -> bool:
    try:
        return Proxy(port).ask("GET", "/v1/health/live")[0] == 200
    except OSError:
        return False


@pytest.fixture(params=[nginx, haproxy], ids=lambda proxy: str(proxy.__name__))
def proxied(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Iterator[tuple[GunicornServer, Proxy]]:
    start: Callable[..., Any] = request.param
    _program(start.__name__)
    with production(sqlite_url, tmp_path, TRUSTED_PROXIES="1") as server, start(server, tmp_path) as proxy:
        yield server, proxy


def test_a_request_through_the_proxy(proxied: tuple[GunicornServer, Proxy]) -> None:
    server, proxy = proxied
    sent = {"Content-Type": "application/json", "X-Request-Id": "request-4715", "X-Forwarded-For": "203.0.113.9"}
    status, headers, problem = proxy.ask("POST", "/v1/auth/login", CREDENTIALS, **sent, SCRIPT_NAME="/v1")
    assert (status, problem["code"]) == (401, "invalid_credentials")
    assert headers["X-Request-Id"] == problem["request_id"] == "request-4715"
    [line] = [line for line in server.lines if line["request_id"] == "request-4715" and "latency_ms" in line]
    assert (line["path"], line["ip"]) == ("/v1/auth/login", "127.0.0.1")
    status, headers, problem = proxy.ask("GET", "/v1/nowhere", **{"X-Request-Id": "<script>"})
    assert (status, headers["X-Request-Id"]) == (404, problem["request_id"])
    # In chunks, and longer than a proxy holds in memory.
    body = iter([CREDENTIALS.encode(), b" " * 65_000, b" " * 65_000])
    status, _, problem = proxy.ask("POST", "/v1/auth/login", body, **{"Content-Type": "application/json"})
    assert (status, problem["code"]) == (413, "payload_too_large")


def test_what_the_proxy_answers_by_itself(proxied: tuple[GunicornServer, Proxy]) -> None:
    server, proxy = proxied
    status, headers, problem = proxy.ask("GET", "/metrics")
    assert (status, problem["code"], headers["Content-Type"]) == (404, "not_found", "application/problem+json")
    assert headers["X-Request-Id"] == problem["request_id"]
    server.stop()
    time.sleep(0.2)
    status, headers, problem = proxy.ask("GET", "/v1/health/live")
    assert (status, problem["code"], problem["status"]) == (503, "unavailable", 503)
    assert (headers["Content-Type"], headers["Retry-After"]) == ("application/problem+json", "2")
    assert len(headers["X-Request-Id"]) >= 8
