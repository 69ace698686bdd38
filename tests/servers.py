"""The application as it is deployed: gunicorn with several workers, in processes of its own.

    with GunicornServer(database_url, folder) as server:
        http.client.HTTPConnection(server.address)

Tests ask for the fixture ``server`` (of their own database) or ``remote_bank`` (people on it).
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
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from tests.factories import Bank, Caller

ROOT: Final = Path(__file__).parent.parent
START_TIMEOUT_SECONDS: Final = 30
STOP_TIMEOUT_SECONDS: Final = 20
REQUEST_TIMEOUT_SECONDS: Final = 60
SECRET: Final = "a-test-secret-that-every-worker-shares"

T = TypeVar("T")


class GunicornServer:
    """gunicorn on 127.0.0.1 and a free port; ``env`` is what it runs with beside the caller's PATH."""

    def __init__(self, database_url: str, folder: Path, **environ: str) -> None:
        self.database_url = database_url
        self.log = folder / "server.log"
        self.env = {
            "PATH": os.environ["PATH"],
            "BANKAPP_ENV": "testing",
            "DATABASE_URL": database_url,
            "JWT_SECRET": SECRET,
            "WEB_CONCURRENCY": "4",
            "WEB_THREADS": "4",
        } | environ
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start gunicorn (on the port of before, if there was one) and wait until it serves."""
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self._port}", "wsgi:app"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._serves():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"gunicorn did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """Ask gunicorn to finish what it serves and end, and wait for it."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            for worker in _children(process.pid):
                os.kill(worker, signal.SIGKILL)
            process.kill()
            process.wait()
            raise

    @property
    def pid(self) -> int:
        """The process id of gunicorn's arbiter, the parent of its workers."""
        assert self._process, "the server does not run"
        return self._process.pid

    @property
    def workers(self) -> list[int]:
        """The process ids of the workers."""
        return _children(self.pid)

    def kill_workers(self) -> None:
        """End every worker at once with SIGKILL; gunicorn starts others in their place."""
        for worker in self.workers:
            os.kill(worker, signal.SIGKILL)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """Where the server answers, without a path."""
        return f"http://{self.address}"

    def _serves(self) -> bool:
        listening = re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", self.log.read_text())
        if listening is None:
            return False
        self._port = int(listening[1])
        return self.answers()

    def answers(self) -> bool:
        """Tell whether the server answers and reaches its database."""
        try:
            return HttpClient(self.address).open("/v1/health", method="GET").status_code == 200
        except OSError:
            return False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@dataclass(frozen=True)
class Reply:
    """An answer that came over the wire, with what tests use of werkzeug's TestResponse."""

    status_code: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def content_type(self) -> str | None:
        return self.headers.get("Content-Type")

    def get_json(self) -> Any:
        return json.loads(self.data)

    def get_data(self, as_text: bool = False) -> Any:
        return self.data.decode() if as_text else self.data


class HttpClient:
    """What tests use of Flask's test client, over a socket: each request on a connection of its own."""

    def __init__(self, address: str) -> None:
        self._address = address

    def open(self, path: str, *, method: str, headers: Mapping[str, str] | None = None, **body: Any) -> Reply:
        sent = dict(headers or {})
        data = None
        if "json" in body:
            data = json.dumps(body["json"]).encode()
            sent["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self._address, timeout=REQUEST_TIMEOUT_SECONDS)
        try:
            connection.request(method, path, data, sent)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read())
        finally:
            connection.close()


@dataclass
class RemoteBank(Bank):
    """People who reach the server over HTTP. Its ``app`` is on the same database, for what HTTP cannot do."""

    server: GunicornServer

    def anonymous(self, **headers: str) -> Caller:
        return Caller(HttpClient(self.server.address), headers=headers)  # type: ignore[arg-type]  # as good as Flask's


def at_once(calls: list[Callable[[], T]]) -> list[T]:
    """Make all ``calls`` at the same moment, each from a thread of its own, and return what they returned."""
    barrier = Barrier(len(calls))

    def call(function: Callable[[], T]) -> T:
        barrier.wait()
        return function()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(call, calls))


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for ``condition``; what does not come true in time fails the test."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
