"""Two nodes behind HAProxy get a new release one after the other: no request fails, also while both releases serve."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from config import ROOT
from tests.faults.production import production
from tests.support.books import faults
from tests.support.databases import OWNER, ROLE, application, settings
from tests.support.load import START, Load
from tests.support.postgres import PostgresServer
from tests.support.releases import next_release, previous_release, run_flask
from tests.support.reverse_proxies import haproxy, program
from tests.support.servers import GunicornServer, RemoteBank, until

# Replaces a fixture of the previous release, so that its tests use a database that this release made.
DATABASE_OF_THIS_RELEASE = """

import os

import pytest


@pytest.fixture(scope="session")
def new_database():
    return lambda: os.environ["DATABASE_OF_THIS_RELEASE"]
"""


@dataclass(frozen=True)
class Cluster:
    """Two nodes on one PostgreSQL behind HAProxy, and clients that pay through it."""

    nodes: list[GunicornServer]
    owner_url: str
    load: Load

    def restart(self, node: GunicornServer, release: Path) -> None:
        """Stop a node, start ``release`` in its place, and wait until HAProxy sends payments to it."""
        assert node.stop() == 0
        node.root = release
        node.start()
        until(lambda: '"/v1/transfers"' in node.log.read_text(), seconds=30)
        self.load.wait_for(10)

    def expand(self, release: Path) -> None:
        """Migrate the tables to ``release`` while the nodes serve."""
        run_flask(release, "db upgrade", self.owner_url)
        run_flask(release, f"ledger grant {ROLE}", self.owner_url)
        self.load.wait_for(10)


@contextmanager
def cluster(release: Path, postgres: PostgresServer, name: str, folder: Path) -> Iterator[Cluster]:
    program("haproxy")
    url = postgres.url(name, ROLE)
    nodes = []
    for number, threads in enumerate(["1", "4"], start=1):
        (folder / f"node{number}").mkdir()
        environ = {"TRUSTED_PROXIES": "1", "DRAIN_SECONDS": "3", "WEB_THREADS": threads}
        nodes.append(production(url, folder / f"node{number}", release, **environ))
    with nodes[0], nodes[1], haproxy(nodes[0], folder, nodes[1]) as proxy:
        # Without an application: the answers of another release are not compared with the document of this one.
        bank = RemoteBank(None, nodes[0])  # type: ignore[arg-type]
        with Load(bank, proxy.connection) as load:
            yield Cluster(nodes, postgres.url(name, OWNER), load)


def check(load: Load, url: str) -> None:
    """Check that no payment failed, that each moved money once, and that the books are whole."""
    assert load.outcomes.keys() == {"201"}, load.outcomes
    with application(settings(url)) as app:
        assert faults(app) == []
        with psycopg.connect(url) as connection:
            balances = dict(connection.execute("SELECT id::text, balance FROM accounts").fetchall())
    assert balances[load.target["id"]] == load.outcomes["201"]
    for payer in load.payers:
        assert balances[payer.account["id"]] == START - len(payer.payments)


@pytest.mark.slow
def test_no_request_fails_while_a_column_is_added(postgres: PostgresServer, postgres_url: str, tmp_path: Path) -> None:
    release = next_release(tmp_path / "next")
    name = postgres_url.rpartition("/")[2]
    with cluster(ROOT, postgres, name, tmp_path) as running:
        too_early = production(postgres.url(name, ROLE), tmp_path, release)
        too_early.launch()
        assert too_early.wait() == 1
        running.expand(release)
        # The previous release also starts on the newer tables, as after a crash or a rollback.
        running.restart(running.nodes[1], ROOT)
        for node in running.nodes:
            running.restart(node, release)
    check(running.load, postgres.url(name, ROLE))
    with psycopg.connect(postgres_url) as connection:
        assert connection.execute("SELECT DISTINCT channel FROM transfers").fetchall() == [("api",)]


@pytest.mark.slow
def test_no_request_fails_from_the_previous_release_to_this_one(
    postgres: PostgresServer, postgres_template: str, tmp_path: Path
) -> None:
    release = previous_release(tmp_path / "previous")
    name = f"bank_{uuid.uuid4().hex}"
    with psycopg.connect(postgres.create_database(name), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} OWNER TO {OWNER}")
    owner_url = postgres.url(name, OWNER)
    run_flask(release, "db upgrade", owner_url)
    run_flask(release, f"ledger grant {ROLE}", owner_url)
    with cluster(release, postgres, name, tmp_path) as running:
        running.expand(ROOT)
        for node in running.nodes:
            running.restart(node, ROOT)
    check(running.load, postgres.url(name, ROLE))


@pytest.mark.slow
def test_the_previous_release_passes_its_main_job_on_the_tables_of_this_one(
    new_database: Callable[[], str], tmp_path: Path
) -> None:
    release = previous_release(tmp_path)
    with (release / "tests/integration/conftest.py").open("a") as fixtures:
        fixtures.write(DATABASE_OF_THIS_RELEASE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/integration/test_main_job.py"],
        cwd=release,
        env={"PATH": os.environ["PATH"], "DATABASE_OF_THIS_RELEASE": new_database()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout
