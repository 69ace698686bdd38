"""The application as it is deployed: gunicorn with several worker processes.

    with GunicornServer(database_url, folder) as server:
        http.client.HTTPConnection(server.address)

Tests use the fixture ``server``, or ``remote_bank``, which makes users on it.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from flask import Flask
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, TestResponse

from tests.support.factories import Bank, Caller

ROOT: Final = Path(__file__).parents[2]
START_TIMEOUT_SECONDS: Final = 30
STOP_TIMEOUT_SECONDS: Final = 20
REQUEST_TIMEOUT_SECONDS: Final = 60
SECRET: Final = "a-test-secret-that-every-worker-shares"

T = TypeVar("T")


class GunicornServer:
    """gunicorn on 127.0.0.1 and a free port; ``env`` is its whole environment.

    ``root`` is the folder of the release, ``target`` the application that gunicorn loads. A new start empties the
    logs unless ``keeps_logs`` is set. ``stdout`` is a descriptor to which the server writes its log instead of the
    file :attr:`log`, for tests that put something in between.
    """

    target = "wsgi:app"
    keeps_logs = False
    stdout: int | None = None

    def __init__(self, database_url: str, folder: Path, root: Path = ROOT, **environ: str) -> None:
        self.root = root
        self.database_url = database_url
        self.log = folder / "server.log"
        self.error_log = folder / "server.err"
        self.env = {
            "PATH": os.environ["PATH"],
            "BANKAPP_ENV": "testing",
            "DATABASE_URL": database_url,
            "JWT_SECRET": SECRET,
            "WEB_CONCURRENCY": "4",
            "WEB_THREADS": "4",
        } | environ
        self._port = 0
        self._log_begins = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start gunicorn, on its previous port if it had one, and wait until it serves."""
        self.launch()
        assert self._process
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"gunicorn did not start:\n{self.log.read_text()}{self.error_log.read_text()}")
            time.sleep(0.05)
        return self

    def launch(self) -> None:
        """Start gunicorn without waiting for it, for tests whose start must fail."""
        mode = "ab" if self.keeps_logs else "wb"
        with self.log.open(mode) as log, self.error_log.open(mode) as error_log:
            self._log_begins = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self._port}", self.target],
                cwd=self.root,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log if self.stdout is None else self.stdout,
                stderr=error_log,
            )

    def stop(self) -> int | None:
        """Stop gunicorn after its open requests; return its exit code, or None when it had ended before."""
        if self._process is None:
            return None
        self._process.terminate()
        return self.wait()

    def wait(self) -> int:
        """Wait until gunicorn has ended and return its exit code."""
        process, self._process = self._process, None
        assert process, "the server does not run"
        try:
            return process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            for worker in children(process.pid):
                os.kill(worker, signal.SIGKILL)
            process.kill()
            process.wait()
            raise

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The lines on standard output so far; a line that is not JSON fails the test."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    @property
    def pid(self) -> int:
        """The process id of gunicorn's arbiter, the parent of its workers."""
        assert self._process, "the server does not run"
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether gunicorn was started and nobody waited for its end."""
        return self._process is not None

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return children(self.pid)

    def kill_workers(self) -> None:
        """Kill every worker with SIGKILL; gunicorn starts new ones."""
        for worker in self.workers:
            os.kill(worker, signal.SIGKILL)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The URL of the server, without a path."""
        return f"http://{self.address}"

    def _serves(self) -> bool:
        written = self.log.read_bytes()[self._log_begins :].decode()
        listening = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", written)
        if listening is None:
            return False
        self._port = int(listening[1])
        return self.answers()

    def answers(self) -> bool:
        """Tell whether the server answers and reaches its database."""
        try:
            with urllib.request.urlopen(f"{self.url}/v1/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def children(pid: int) -> list[int]:
    """Return the process ids of the children of a process."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


class HttpClient:
    """The part of Flask's test client that tests use, over a socket; each request opens a new connection."""

    def __init__(self, address: str, application: Flask | None = None) -> None:
        self._address = address
        self.application = application

    def open(self, path: str, *, method: str, headers: Mapping[str, str], **content: Any) -> TestResponse:
        asked = EnvironBuilder(path, method=method, headers=headers, **content).get_request()
        connection = http.client.HTTPConnection(self._address, timeout=REQUEST_TIMEOUT_SECONDS)
        try:
            connection.request(method, asked.full_path.rstrip("?"), asked.get_data(), dict(asked.headers))
            answer = connection.getresponse()
            status = f"{answer.status} {answer.reason}"
            return TestResponse([answer.read()], status, Headers(answer.getheaders()), asked)
        finally:
            connection.close()


@dataclass
class RemoteBank(Bank):
    """A bank behind a server, reached over HTTP. Its ``app`` uses the same database for what HTTP cannot do."""

    server: GunicornServer

    def anonymous(self, **headers: str) -> Caller:
        return Caller(HttpClient(self.server.address, self.app), headers=headers)  # type: ignore[arg-type]  # as good as Flask's


def at_once(calls: list[Callable[[], T]]) -> list[T]:
    """Make all ``calls`` at the same moment, each from a separate thread, and return their results."""
    barrier = Barrier(len(calls))

    def call(function: Callable[[], T]) -> T:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for ``condition``; a timeout fails the test."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
