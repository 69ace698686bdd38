"""Backups and restores as docs/operations.md prints them, made while the service takes transfers."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from config import ROOT
from tests.faults.production import production
from tests.support.databases import ROLE, SECRET, application, migrate, settings
from tests.support.factories import Caller, ok, refused
from tests.support.load import START, Load
from tests.support.postgres import PostgresServer, child_options, give_to_server
from tests.support.servers import GunicornServer, HttpClient, RemoteBank, until

PAGE = ROOT / "docs/operations.md"


def blocks(heading: str, kind: str = "sh") -> list[str]:
    """Return the blocks of this kind below a heading of the page."""
    [section] = re.findall(rf"^### {re.escape(heading)}\n(.*?)(?=^##)", PAGE.read_text(), re.M | re.S)
    return re.findall(rf"^```{kind}\n(.*?)^```$", section, re.M | re.S)


@dataclass(frozen=True)
class Workplace:
    """The folder in which an operator works: ``changes`` replaces the page's addresses and folders by the test's."""

    folder: Path
    environ: dict[str, str]
    programs: Path = field(default_factory=Path)
    changes: dict[str, str] = field(default_factory=dict)

    def adapted(self, text: str) -> str:
        for old, new in self.changes.items():
            text = text.replace(old, new)
        return text

    def run(self, commands: str, database_url: str = "", **options: Any) -> str:
        """Run shell commands of the page and return what they print; a failure fails the test."""
        adapted = self.adapted(commands)
        path = os.pathsep.join([str(Path(sys.executable).parent), str(self.programs), os.environ["PATH"]])
        environment = self.environ | {"PATH": path} | ({"DATABASE_URL": database_url} if database_url else {})
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", adapted],
            **{"cwd": self.folder} | options | {"env": environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{adapted}\n{done.stdout}{done.stderr}"
        return done.stdout


@dataclass(frozen=True)
class Place:
    """A database that the service uses, the one that the page restores to, and where the commands are run."""

    heading: str
    url: str
    restored_url: str
    workplace: Workplace


def environ(database_url: str) -> dict[str, str]:
    return {"BANKAPP_ENV": "production", "DATABASE_URL": database_url, "JWT_SECRET": SECRET}


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    folder = tmp_path / "workplace"
    (folder / "append-only").mkdir(parents=True)
    (folder / "instance").mkdir()
    (folder / "wsgi.py").symlink_to(ROOT / "wsgi.py")
    return folder


@pytest.fixture
def place(dialect: str, workplace: Path, request: pytest.FixtureRequest) -> Place:
    changes = {"/append-only": str(workplace / "append-only")}
    if dialect == "sqlite":
        if shutil.which("sqlite3") is None:
            assert os.environ.get("BACKUPS_REQUIRED") != "1", "sqlite3 is not installed"
            pytest.skip("sqlite3 is not installed (BACKUPS_REQUIRED=1 insists)")
        shutil.copyfile(request.getfixturevalue("sqlite_template"), workplace / "instance/bankapp.sqlite3")
        url = f"sqlite:///{workplace}/instance/bankapp.sqlite3"
        restored = f"sqlite:///{workplace}/restored/bankapp.sqlite3"
        return Place("SQLite", url, restored, Workplace(workplace, environ(url), changes=changes))
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"bank_{uuid.uuid4().hex}"
    server.create_database(name, template=request.getfixturevalue("postgres_template"))
    address = urlsplit(server.url("postgres")).netloc.rpartition("@")[2]
    changes |= {":…@db.example": f"@{address}", "/bank\n": f"/{name}\n", "bank_restored": f"{name}_restored"}
    url = server.url(name, ROLE)
    commands = Workplace(workplace, environ(url), server.binaries, changes)
    return Place("PostgreSQL", url, server.url(f"{name}_restored", ROLE), commands)


@pytest.fixture
def service(place: Place, tmp_path: Path) -> Iterator[GunicornServer]:
    with production(place.url, tmp_path, JWT_SECRET=SECRET) as running:
        yield running


@pytest.mark.slow
def test_a_restore_leads_back_to_a_moment_of_the_backup(place: Place, service: GunicornServer, tmp_path: Path) -> None:
    backup, restore = blocks(place.heading)
    with application(settings(place.url)) as app:
        bank = RemoteBank(app, service)
        with Load(bank, lambda: http.client.HTTPConnection(service.address)) as load:
            *preparations, copying = backup.splitlines()
            for line in preparations:
                place.workplace.run(line)
            began = time.time()
            place.workplace.run(f"{copying}\n")
            ended = time.time()
            load.wait_for(5)
    service.stop()
    place.workplace.run(restore)
    assert load.outcomes.keys() == {"201"}
    with production(place.restored_url, tmp_path, JWT_SECRET=SECRET) as restored:
        earliest, latest = load.moment_of(paid(load, restored))
        assert earliest <= latest, "a mixture of several moments"
        assert (earliest <= ended, latest >= began) == (True, True), "a moment before or after the backup"
        for payer in load.payers:
            refused(reached(restored, payer.caller).get("/auth/me"), 401, "token_revoked")
        check_that_the_service_goes_on(place, restored, load)
    if place.heading == "PostgreSQL":
        # The function changes balances with the rights of the owner. Grants of functions are part of the dump.
        executes = "SELECT has_function_privilege('transactions_post()', 'EXECUTE')"
        assert query(place.restored_url, executes) is False


def reached(server: GunicornServer, caller: Caller) -> Caller:
    """Return the same caller at another server."""
    return Caller(HttpClient(server.address), caller.email, caller.user_id, caller.tokens)  # type: ignore[arg-type]


def paid(load: Load, restored: GunicornServer) -> list[int]:
    """Return how many payments of each payer the books of ``restored`` have."""
    with application(settings(restored.database_url, BCRYPT_ROUNDS="4")) as app:
        bank = RemoteBank(app, restored)
        counts = [START - bank.signed_in(payer.caller.email).balance(payer.account) for payer in load.payers]
        assert all(0 < count < len(payer.payments) for payer, count in zip(load.payers, counts, strict=True))
    return counts


def check_that_the_service_goes_on(place: Place, restored: GunicornServer, load: Load) -> None:
    with application(settings(place.restored_url)) as app:
        payer = load.payers[0]
        caller = RemoteBank(app, restored).signed_in(payer.caller.email)
        ok(caller.transfer(payer.account, load.target, 1, key="payment-after-the-restore"), 201)
    newest = max(path.name[:4] for path in (ROOT / "migrations/versions").glob("[0-9]*_*.py"))
    assert f"{newest} (head)" in place.workplace.run("flask db current", place.restored_url)
    verified = 'flask audit seal > new.head; flask audit verify --head "$(cat new.head)"; flask ledger verify'
    place.workplace.run(verified, place.restored_url)


@pytest.fixture
def backups() -> Iterator[Path]:
    """The folder ``/backups`` of the page, which belongs to the account that runs PostgreSQL."""
    # Not pytest's folder, which that account may not enter.
    folder = Path(tempfile.mkdtemp(prefix="bankapp-backups-", dir="/tmp"))
    (folder / "wal").mkdir()
    give_to_server(folder)
    give_to_server(folder / "wal")
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_recovery_leads_back_to_the_moment_that_it_names(backups: Path, workplace: Path, tmp_path: Path) -> None:
    heading = "Point-in-time recovery (PostgreSQL)"
    backup, restore = blocks(heading)
    [configuration] = blocks(heading, "ini")
    lines = [line.split(" = ", 1) for line in configuration.replace("/backups", str(backups)).splitlines()]
    archiving = {name: value.strip("'") for name, value in lines}
    with PostgresServer().start(durable=True, **archiving) as server:
        url = server.create_database("bank")
        migrate(url)
        address = urlsplit(url).netloc.rpartition("@")[2]
        changes = {":…@db.example": f"@{address}", "/backups": str(backups)}
        operator = Workplace(workplace, environ(url), server.binaries, changes)
        with (
            production(url, tmp_path, JWT_SECRET=SECRET) as service,
            application(settings(url)) as app,
            Load(RemoteBank(app, service), lambda: http.client.HTTPConnection(service.address)) as load,
        ):
            operator.run(backup, **child_options(backups))
            load.wait_for(5)
            moment = time.time()
            load.wait_for(5)
        archive_everything(url, backups / "wal")
    assert load.outcomes.keys() == {"201"}
    changes["2026-11-25 14:00:00+00"] = datetime.fromtimestamp(moment, UTC).isoformat(" ")
    operator.run(restore, **child_options(backups))
    with PostgresServer().start(durable=True, data=backups / "restored") as recovered:
        url = recovered.url("bank")
        until(lambda: query(url, "SELECT pg_is_in_recovery()") is False, seconds=60)
        with production(url, tmp_path, JWT_SECRET=SECRET) as service:
            earliest, latest = load.moment_of(paid(load, service))
        assert earliest <= moment <= latest
        operator.run("flask ledger verify; flask audit verify", url)


def archive_everything(url: str, archive: Path) -> None:
    """Let PostgreSQL finish its current segment of the write-ahead log, and wait until it is archived."""
    segment = query(url, "SELECT pg_walfile_name(pg_switch_wal())")
    until((archive / segment).exists, seconds=60)


def query(url: str, sql: str) -> Any:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(sql).fetchone()
    assert row
    return row[0]
