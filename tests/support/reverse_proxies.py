"""The proxies of ``deploy/`` as they stand there, but for ports, certificates and where they log."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.stage import free_port
from config import ROOT
from tests.support.servers import GunicornServer, until


@dataclass(frozen=True)
class Proxy:
    """A proxy on 127.0.0.1 that ends TLS."""

    port: int

    def connection(self) -> http.client.HTTPSConnection:
        """Return a new connection, which opens with its first request."""
        # The certificate is the test's own.
        context = ssl._create_unverified_context()
        return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=20, context=context)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, http.client.HTTPMessage, Any]:
        """Send a request on a new connection; return status, headers and JSON of the answer."""
        connection = self.connection()
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, json.loads(answer.read())
        finally:
            connection.close()


@contextmanager
def nginx(server: GunicornServer, folder: Path) -> Iterator[Proxy]:
    """Run nginx in front of ``server``."""
    port = free_port()
    places = {"/etc/ssl/bank": str(folder), "/var/log/nginx": str(folder), "/run/nginx.pid": f"{folder}/nginx.pid"}
    config = _adapted("nginx.conf", folder, places | {"127.0.0.1:8000": server.address, "443 ssl": f"{port} ssl"})
    command = [program("nginx"), "-p", str(folder), "-e", f"{folder}/start.log", "-c", str(config)]
    subprocess.run([*command, "-t"], check=True, capture_output=True)
    with _running([*command, "-g", "daemon off;"], signal.SIGQUIT, port):
        yield Proxy(port)


@contextmanager
def haproxy(server: GunicornServer, folder: Path, *others: GunicornServer) -> Iterator[Proxy]:
    """Run HAProxy in front of ``server`` and ``others``."""
    port = free_port()
    nodes = "".join(f"\n    server node{number} {node.address}" for number, node in enumerate([server, *others], 1))
    places = {"/etc/ssl/bank": str(folder), "bind :443": f"bind 127.0.0.1:{port}"}
    places["\n    server node1 127.0.0.1:8000"] = nodes
    config = _adapted("haproxy.cfg", folder, places)
    command = [program("haproxy"), "-f", str(config)]
    subprocess.run([*command, "-c"], check=True, capture_output=True)
    with _running([*command, "-db"], signal.SIGTERM, port):
        yield Proxy(port)


def program(name: str) -> str:
    """Return the path of a proxy's program; where it is missing, the test is skipped or fails."""
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
