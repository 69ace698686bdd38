"""A pgbouncer in transaction mode in front of a test database."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

import psycopg

from tests.support.servers import until

PROGRAM = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


class Pgbouncer:
    """Runs pgbouncer for the server of ``url`` while the block lasts; :attr:`port` stays the same over restarts."""

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = target._replace(netloc=f"{target.username}@127.0.0.1:{self.port}").geturl()
        # A folder that the unprivileged user may enter, which pytest's own are not.
        self._folder = Path(tempfile.mkdtemp(prefix="bankapp-pgbouncer-"))
        self._folder.chmod(0o755)
        (self._folder / "users.txt").write_text(f'"{target.username}" ""\n')
        (self._folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host={target.hostname} port={target.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {self._folder}/users.txt\npool_mode = transaction\n"
            "default_pool_size = 4\nserver_login_retry = 1\n"
        )
        for file in self._folder.iterdir():
            file.chmod(0o644)

    def start(self) -> None:
        assert PROGRAM is not None
        user = ["-u", "nobody"] if os.geteuid() == 0 else []
        self._process = subprocess.Popen(
            [PROGRAM, "-q", *user, str(self._folder / "pgbouncer.ini")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            until(self._answers)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)

    def _answers(self) -> bool:
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def __enter__(self) -> Pgbouncer:
        self.start()
        return self

    def __exit__(self, _kind: type[BaseException] | None, _problem: object, _trace: TracebackType | None) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
