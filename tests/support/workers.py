"""Workers: in threads of a test with jobs of its own, and as the processes that operators start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from flask import Flask

from bankapp.services.jobs import Job
from bankapp.work import Timing, Worker
from tests.support.servers import ROOT, SECRET

QUICK: Final = Timing(lease=1.0, poll=0.1, retry=0.05, stop=5.0)
END_TIMEOUT_SECONDS: Final = 40


@contextmanager
def working(app: Flask, jobs: Sequence[Job], timing: Timing = QUICK) -> Iterator[Worker]:
    """Run a worker in a thread until the block ends, and check that it then ends in time."""
    stop = threading.Event()
    worker = Worker(jobs, app.app_context, stop, timing)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        thread.join(timing.stop + 5)
        assert not thread.is_alive()


class WorkerProcess:
    """``flask work`` as a process, or another Python module that runs a worker."""

    def __init__(self, database_url: str, folder: Path, *arguments: str, module: str = "flask", **environ: str) -> None:
        self._log = folder / f"worker-{id(self)}.log"
        self._error_log = folder / f"worker-{id(self)}.err"
        words = ("work", *arguments) if module == "flask" else arguments
        self._command = [sys.executable, "-m", module, *words]
        self._env = {
            "PATH": os.environ["PATH"],
            "BANKAPP_ENV": "testing",
            "FLASK_APP": "wsgi.py",
            "DATABASE_URL": database_url,
            "JWT_SECRET": SECRET,
        } | environ
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        with self._log.open("wb") as log, self._error_log.open("wb") as error_log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._env, stdin=subprocess.DEVNULL, stdout=log, stderr=error_log
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process, "the worker was not started"
        return self._process

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The complete lines on standard output so far; a line that is not JSON fails the test."""
        return [json.loads(line) for line in self._log.read_text().splitlines(keepends=True) if line.endswith("\n")]

    def said(self, message: str) -> bool:
        """Tell whether a message of the log begins with this text. Fails when the worker has ended with an error."""
        assert self.process.poll() in (None, 0, -signal.SIGKILL), self._error_log.read_text()
        return any(line["message"].startswith(message) for line in self.lines)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def wait(self) -> int:
        """Wait until the worker has ended and return its exit code."""
        return self.process.wait(END_TIMEOUT_SECONDS)
