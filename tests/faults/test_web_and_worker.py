"""``deploy/web-and-worker``, which `make run` starts: server and worker begin and end together."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.servers import ROOT, SECRET, until


@dataclass
class Pair:
    """The running script, and its two children."""

    script: subprocess.Popen[bytes]
    log: Path
    url: str
    groups: tuple[int, ...] = ()

    def text(self) -> str:
        return self.log.read_text()

    def is_up(self) -> bool:
        assert self.script.poll() is None, self.text()
        with suppress(OSError):
            return "worker started" in self.text() and urllib.request.urlopen(self.url, timeout=5).status == 200
        return False

    def children(self) -> dict[str, int]:
        """Return the process ids of the worker and of gunicorn's arbiter."""
        pids = Path(f"/proc/{self.script.pid}/task/{self.script.pid}/children").read_text().split()
        commands = {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in pids}
        return {name: pid for pid, text in commands.items() for name in ("flask", "gunicorn") if f"\0{name}\0" in text}

    def processes(self) -> list[int]:
        """Return the running processes of both children's groups."""
        pids = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
        return [pid for pid in pids if _group(pid) in self.groups]


def _group(pid: int) -> int | None:
    with suppress(OSError):
        return os.getpgid(pid)
    return None


@contextmanager
def running(url: str, folder: Path) -> Iterator[Pair]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    env = {
        "PATH": os.environ["PATH"],
        "PYTHON": sys.executable,
        "BANKAPP_ENV": "testing",
        "DATABASE_URL": url,
        "JWT_SECRET": SECRET,
        "WEB_CONCURRENCY": "1",
        "TMPDIR": str(folder),
    }
    log = folder / "log"
    with log.open("wb") as output:
        command = [ROOT / "deploy" / "web-and-worker", "--bind", address]
        script = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    pair = Pair(script, log, f"http://{address}/v1/health")
    try:
        until(pair.is_up, seconds=60)
        pair.groups = tuple(pair.children().values())
        yield pair
    finally:
        if script.poll() is None:
            script.kill()
            script.wait()
        for group in pair.groups:
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)


@pytest.fixture
def pair(sqlite_template: Path, tmp_path: Path) -> Iterator[Pair]:
    shutil.copyfile(sqlite_template, tmp_path / "bank.sqlite3")
    with running(f"sqlite:///{tmp_path}/bank.sqlite3", tmp_path) as started:
        yield started


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_both_and_leaves_no_process(pair: Pair, number: signal.Signals) -> None:
    assert len(pair.processes()) >= 3
    pair.script.send_signal(number)
    assert pair.script.wait(40) == 0
    assert pair.processes() == []
    assert "worker stopped" in pair.text()
    assert "Shutting down: Master" in pair.text()


@pytest.mark.parametrize("name", ["flask", "gunicorn"])
def test_if_one_dies_the_other_ends_and_the_failure_is_told(pair: Pair, name: str) -> None:
    os.kill(pair.children()[name], signal.SIGKILL)
    assert pair.script.wait(40) == 128 + signal.SIGKILL
    # A gunicorn that was killed leaves its workers for a moment; they end when they notice.
    until(lambda: pair.processes() == [], seconds=20)


def test_make_run_uses_the_script() -> None:
    [recipe] = re.findall(r"^run:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.M)
    assert "deploy/web-and-worker --bind 127.0.0.1:$(PORT)" in recipe
