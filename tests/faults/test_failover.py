"""Two PostgreSQL nodes under Patroni: the loss of the primary loses no acknowledged transfer and needs no restart.

One node of the service reaches the primary by HAProxy, the other by a URL that names both machines. The tests share
one cluster, and each begins when it has a synchronous standby.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.faults.production import production
from tests.support.databases import OWNER, ROLE, application, migrate, settings
from tests.support.factories import Caller
from tests.support.patroni import PASSWORD, PatroniCluster, missing_programs
from tests.support.servers import GunicornServer, HttpClient, RemoteBank

pytestmark = pytest.mark.skipif(
    bool(missing_programs()) and not os.environ.get("FAILOVER_REQUIRED"),
    reason=f"not installed: {', '.join(missing_programs())}",
)

CLIENTS = 4
AMOUNT = 7
START = 1_000_000
GENEROUS_SECONDS = 60


@dataclass
class Payments:
    """Transfers of one client, each with its own key, sent until its outcome is definite."""

    ada: Caller
    source: dict[str, Any]
    target: dict[str, Any]
    addresses: list[str]
    name: str
    acknowledged: dict[str, str] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def run(self, is_over: Event) -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            self._pay(f"{self.name}-{number}")

    def _pay(self, key: str) -> None:
        deadline = time.monotonic() + GENEROUS_SECONDS
        # One node after the other, as behind a load balancer.
        for address in itertools.cycle(self.addresses):
            status, body, retry_after = self._send(key, address)
            self.statuses[status] += 1
            if status == "201":
                self.acknowledged[key] = body["id"]
                self.times.append(time.monotonic())
                return
            if status not in ("503", "409"):
                self.problems.append(f"{key}: {status} {body}")
                return
            if not retry_after:
                self.problems.append(f"{key}: no Retry-After")
            if time.monotonic() > deadline:
                self.problems.append(f"{key}: never definite")
                return
            # Sooner than a client should, to meet more states of the cluster.
            time.sleep(0.2)

    def _send(self, key: str, address: str) -> tuple[str, Any, str | None]:
        client = Caller(HttpClient(address), tokens=self.ada.tokens)  # type: ignore[arg-type]  # as good as Flask's
        reply = client.transfer(self.source, self.target, AMOUNT, key=key, description=key)
        return str(reply.status_code), reply.get_json(), reply.headers.get("Retry-After")


@dataclass
class Stage:
    """The cluster, the nodes of the service in front of it, and a bank that reaches the first node."""

    cluster: PatroniCluster
    servers: list[GunicornServer]
    bank: RemoteBank

    @property
    def processes(self) -> list[tuple[int, list[int]]]:
        return [(server.pid, sorted(server.workers)) for server in self.servers]

    def query(self, statement: str) -> list[Any]:
        """Return the rows of a query on the primary, as the superuser."""
        with psycopg.connect(self.cluster.url("postgres", "bank")) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[arg-type]  # written in this file

    def balance(self, account: dict[str, Any]) -> int:
        """Return the stored balance of an account."""
        [(balance,)] = self.query(f"SELECT balance FROM accounts WHERE id = '{account['id']}'")
        return int(balance)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    assert not missing_programs()
    with ExitStack() as stack:
        cluster = stack.enter_context(PatroniCluster())
        _make_database(cluster)
        urls = [cluster.url(ROLE, "bank"), cluster.url_of_hosts(ROLE, "bank")]
        folders = [tmp_path_factory.mktemp("node") for _ in urls]
        nodes = [stack.enter_context(_node(url, folder)) for url, folder in zip(urls, folders, strict=True)]
        app = stack.enter_context(application(settings(urls[0])))
        yield Stage(cluster, nodes, RemoteBank(app, nodes[0]))


def _node(url: str, folder: Path) -> GunicornServer:
    return production(url, folder, WEB_CONCURRENCY="2", WEB_THREADS="2")


def _make_database(cluster: PatroniCluster) -> None:
    with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as admin:
        for role in (OWNER, ROLE):
            admin.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), PASSWORD))
        admin.execute(sql.SQL("CREATE DATABASE bank OWNER {}").format(sql.Identifier(OWNER)))
    migrate(cluster.url(OWNER, "bank"))
    with application(settings(cluster.url(OWNER, "bank"))) as owner:
        granted = owner.test_cli_runner().invoke(args=["ledger", "grant", ROLE])
    assert granted.exit_code == 0, granted.output


@pytest.fixture
def payments(stage: Stage) -> list[Payments]:
    """Clients that pay from separate accounts to one."""
    stage.cluster.until_redundant()
    target = stage.bank.customer().account()
    made = []
    for number in range(CLIENTS):
        ada = stage.bank.customer()
        addresses = [server.address for server in stage.servers]
        source = ada.account(balance=START)
        made.append(Payments(ada, source, target, addresses[number % 2 :] + addresses[: number % 2], source["id"]))
    return made


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Return a function that prints a measured time, also of a test that passes."""

    def write(line: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{line}\n")

    return write


def _pay_while(payments: list[Payments], events: Callable[[], None]) -> float:
    """Run ``events`` while all clients pay; return the longest time without an acknowledgement, in seconds."""
    is_over = Event()
    threads = [Thread(target=one.run, args=(is_over,)) for one in payments]
    for thread in threads:
        thread.start()
    try:
        events()
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    times = sorted(moment for one in payments for moment in one.times)
    return max(later - sooner for sooner, later in itertools.pairwise(times))


def _wait_for_more(payments: list[Payments], count: int = 20) -> None:
    """Wait until every client has ``count`` more acknowledgements."""
    wanted = [len(one.acknowledged) + count for one in payments]
    deadline = time.monotonic() + GENEROUS_SECONDS
    while any(len(one.acknowledged) < number for one, number in zip(payments, wanted, strict=True)):
        assert time.monotonic() < deadline, [(one.statuses, one.problems) for one in payments]
        time.sleep(0.05)


def assert_nothing_is_lost(stage: Stage, payments: list[Payments]) -> None:
    """Check that every acknowledged transfer exists exactly once on the primary, and nothing else does."""
    assert [one.problems for one in payments] == [[]] * CLIENTS
    for one in payments:
        rows = stage.query(f"SELECT description, id::text FROM transfers WHERE from_account_id = '{one.source['id']}'")
        assert sorted(rows) == sorted(one.acknowledged.items())
        assert stage.balance(one.source) == START - AMOUNT * len(one.acknowledged)
    assert stage.balance(payments[0].target) == AMOUNT * sum(len(one.acknowledged) for one in payments)
    with application(settings(stage.cluster.url(ROLE, "bank"))) as app:
        verified = app.test_cli_runner().invoke(args=["ledger", "verify"])
    assert verified.exit_code == 0, verified.output
    for server in stage.servers:
        assert [line for line in server.lines if line.get("status") == 500 or line["level"] == "error"] == []


def test_a_killed_primary_loses_no_acknowledged_transfer(
    stage: Stage, payments: list[Payments], tell: Callable[[str], None]
) -> None:
    killed = stage.cluster.until_redundant()
    processes = stage.processes

    def kill() -> None:
        _wait_for_more(payments)
        stage.cluster.kill(killed)
        _wait_for_more(payments)

    pause = _pay_while(payments, kill)
    promoted = stage.cluster.primary()
    assert promoted not in (None, killed)
    assert_nothing_is_lost(stage, payments)
    assert stage.processes == processes
    assert pause < GENEROUS_SECONDS
    assert sum((one.statuses for one in payments), Counter())["503"] > 0
    began = time.monotonic()
    stage.cluster.start(killed)
    assert stage.cluster.until_redundant() == promoted
    assert_nothing_is_lost(stage, payments)
    tell(f"failover: {pause:.1f} s without an acknowledgement, standby again in {time.monotonic() - began:.1f} s")


def test_a_switchover_loses_no_acknowledged_transfer(
    stage: Stage, payments: list[Payments], tell: Callable[[str], None]
) -> None:
    primary = stage.cluster.until_redundant()
    [standby] = {"db1", "db2"} - {primary}
    processes = stage.processes

    def switch_over() -> None:
        _wait_for_more(payments)
        stage.cluster.switch_over(standby)
        _wait_for_more(payments)

    pause = _pay_while(payments, switch_over)
    assert stage.cluster.until_redundant() == standby
    assert_nothing_is_lost(stage, payments)
    assert stage.processes == processes
    tell(f"switchover: {pause:.1f} s without an acknowledgement")


def test_a_silent_standby_stops_no_transfer_for_good(
    stage: Stage, payments: list[Payments], tell: Callable[[str], None]
) -> None:
    primary = stage.cluster.until_redundant()
    [standby] = {"db1", "db2"} - {primary}

    def freeze() -> None:
        _wait_for_more(payments)
        stage.cluster.freeze(standby)
        _wait_for_more(payments)
        stage.cluster.thaw(standby)
        _wait_for_more(payments)

    pause = _pay_while(payments, freeze)
    assert stage.cluster.until_redundant() == primary
    assert_nothing_is_lost(stage, payments)
    assert pause < GENEROUS_SECONDS
    tell(f"silent standby: {pause:.1f} s without an acknowledgement")
