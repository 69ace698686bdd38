"""The cluster of ``deploy/high-availability/`` on this machine: its files, with other addresses, ports and folders.

    with PatroniCluster() as cluster:
        primary = cluster.until_redundant()
        cluster.kill(primary)

Each machine of the documents is a loopback address here. ``db1`` and ``db2`` run PostgreSQL, Patroni and a member of
etcd, ``witness`` runs the third member.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from benchmarks.stage import free_port
from config import ROOT
from tests.support.postgres import child_options, unprivileged_account
from tests.support.servers import until

FILES: Final = ROOT / "deploy" / "high-availability"
PROGRAMS: Final = ("setpriv", "patroni", "patronictl", "etcd", "haproxy")
PASSWORD: Final = "not-a-secret"
ADDRESSES: Final = {"db1": "127.0.0.11", "db2": "127.0.0.12", "witness": "127.0.0.13"}
DATABASES: Final = ("db1", "db2")
PATIENCE_SECONDS: Final = 90
_PATH: Final = f"{os.environ.get('PATH', '')}:/usr/sbin"


def missing_programs() -> list[str]:
    """Return the programs that a cluster needs and that are not installed."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=_PATH) is None]
    return missing if list(Path("/usr/lib/postgresql").glob("*/bin/postgres")) else [*missing, "postgresql"]


class PatroniCluster:
    """Runs the machines, and HAProxy in front of them, while the block lasts."""

    def __init__(self) -> None:
        # Not TMPDIR, which the unprivileged account may not enter.
        self._folder = Path(tempfile.mkdtemp(prefix="bankapp-patroni-", dir="/tmp"))
        self._folder.chmod(0o755)
        names = ("POSTGRES_PORT", "PATRONI_PORT", "ETCD_PORT", "ETCD_PEER_PORT", "PRIMARY_PORT")
        self._ports = {name: free_port() for name in names}
        self._processes: dict[str, list[subprocess.Popen[bytes]]] = {}
        self._configure()

    def url(self, user: str, database: str) -> str:
        """Return the URL of a database by HAProxy."""
        return f"postgresql://{user}:{PASSWORD}@127.0.0.1:{self._ports['PRIMARY_PORT']}/{database}"

    def url_of_hosts(self, user: str, database: str) -> str:
        """Return the URL of a database that names both machines, of which the driver finds the primary."""
        hosts = ",".join(ADDRESSES[name] for name in DATABASES)
        ports = ",".join([str(self._ports["POSTGRES_PORT"])] * len(DATABASES))
        return f"postgresql://{user}:{PASSWORD}@/{database}?host={hosts}&port={ports}&target_session_attrs=read-write"

    def start(self, machine: str) -> None:
        """Start what runs on a machine."""
        config = self._folder / machine / "etc"
        lines = [line for line in (config / "default/etcd").read_text().splitlines() if line.startswith("ETCD_")]
        environment = {name: value.strip('"') for name, _, value in (line.partition("=") for line in lines)}
        started = self._processes[machine] = [self._run(machine, ["etcd"], environment)]
        if machine in DATABASES:
            started.append(self._run(machine, ["patroni", str(config / "patroni/config.yml")], {}))

    def kill(self, machine: str) -> None:
        """Kill everything that runs on a machine with SIGKILL."""
        self._signal(machine, signal.SIGKILL)
        for process in self._processes.pop(machine):
            process.wait()

    def freeze(self, machine: str) -> None:
        """Stop everything that runs on a machine without closing a connection, as if its network were gone."""
        self._signal(machine, signal.SIGSTOP)

    def thaw(self, machine: str) -> None:
        """Let everything on a frozen machine go on."""
        self._signal(machine, signal.SIGCONT)

    def switch_over(self, candidate: str) -> None:
        """Make a standby the primary, as an operator does."""
        config = self._folder / candidate / "etc/patroni/config.yml"
        command = ["patronictl", "-c", str(config), "switchover", "--candidate", candidate, "--force"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, **self._options({}))
        assert done.returncode == 0, done.stdout + done.stderr

    def roles(self) -> dict[str, str]:
        """Return the role of each machine as Patroni tells it (``leader``, ``sync_standby``), if it runs."""
        for machine in DATABASES:
            with contextlib.suppress(OSError):
                url = f"http://{ADDRESSES[machine]}:{self._ports['PATRONI_PORT']}/cluster"
                with urllib.request.urlopen(url, timeout=2) as answer:
                    members: list[dict[str, Any]] = json.load(answer)["members"]
                return {one["name"]: one["role"] for one in members if one["state"] in ("running", "streaming")}
        return {}

    def primary(self) -> str | None:
        """Return the name of the primary, or None while there is none."""
        return next((name for name, role in self.roles().items() if role == "leader"), None)

    def until_redundant(self) -> str:
        """Wait until there are a primary and a synchronous standby, and return the primary's name."""
        until(self._is_redundant, PATIENCE_SECONDS)
        primary = self.primary()
        assert primary
        return primary

    def _signal(self, machine: str, number: signal.Signals) -> None:
        pids = [process.pid for process in self._processes[machine]]
        with contextlib.suppress(FileNotFoundError):
            postmaster = int((self._data(machine) / "postmaster.pid").read_text().split()[0])
            pids += [postmaster, *map(int, Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split())]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _is_redundant(self) -> bool:
        time.sleep(0.2)
        return sorted(self.roles().values()) == ["leader", "sync_standby"]

    def _configure(self) -> None:
        settings = {f"{name.upper()}_ADDRESS": address for name, address in ADDRESSES.items()}
        settings |= dict.fromkeys(("SUPERUSER_PASSWORD", "REPLICATION_PASSWORD", "PATRONI_PASSWORD"), PASSWORD)
        settings |= {name: str(port) for name, port in self._ports.items()}
        settings |= {"NETWORK": "127.0.0.0/8"}
        for machine in (*DATABASES, "witness", "service"):
            self._install(machine, settings)

    def _install(self, machine: str, settings: dict[str, str]) -> None:
        """Let the script write the configuration of a machine, below the folder of that machine."""
        folder = self._folder / machine
        folders = {"DATA_FOLDER": f"{folder}/postgresql", "ETCD_FOLDER": f"{folder}/etcd"}
        for path in (folder, *map(Path, folders.values())):
            path.mkdir()
        text = (FILES / "cluster.env").read_text()
        for name, value in (settings | folders).items():
            [line] = [line for line in text.splitlines() if line.startswith(f"{name}=")]
            text = text.replace(line, f"{name}='{value}'")
        (folder / "cluster.env").write_text(text)
        role = "database" if machine in DATABASES else machine
        subprocess.run(
            [FILES / "install.sh", role, folder / "cluster.env", machine],
            env={"PATH": _PATH, "DESTDIR": str(folder)},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        if account := unprivileged_account():
            for path in (folder, *folder.rglob("*")):
                os.chown(path, account.pw_uid, account.pw_gid)

    def _data(self, machine: str) -> Path:
        return self._folder / machine / "postgresql" / machine

    def _options(self, environment: dict[str, str]) -> dict[str, Any]:
        options = child_options(self._folder)
        options["env"] = options["env"] | {"PATH": _PATH, "HOME": str(self._folder)} | environment
        return options

    def _run(self, machine: str, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes]:
        with (self._folder / machine / "log").open("ab") as log:
            # A process ends with this one, even when this one is killed. PostgreSQL ends with Patroni.
            bound = ["setpriv", "--pdeathsig", "TERM", *command]
            return subprocess.Popen(bound, stdout=log, stderr=log, **self._options(environment))

    def _logs(self) -> str:
        """Return the end of every log."""
        return "\n".join(f"{log}:\n{log.read_text()[-4000:]}" for log in sorted(self._folder.glob("*/log")))

    def __enter__(self) -> Self:
        try:
            for machine in ADDRESSES:
                self.start(machine)
            config = self._folder / "service/etc/haproxy/haproxy.cfg"
            self._processes["service"] = [self._run("service", ["haproxy", "-db", "-f", str(config)], {})]
            self.until_redundant()
        except BaseException as problem:
            self.__exit__(type(problem), problem, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            sys.stderr.write(self._logs())
        for machine in list(self._processes):
            self.kill(machine)
        shutil.rmtree(self._folder, ignore_errors=True)
