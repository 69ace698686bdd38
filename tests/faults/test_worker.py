"""Workers that are killed, stopped, doubled or without a database: every job comes right."""

from __future__ import annotations

import signal
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from bankapp import ids
from bankapp.models.audit_log import PENDING
from bankapp.repositories import audit_logs
from bankapp.services import audit
from bankapp.services.jobs import JOBS, Job
from tests.support import clocks
from tests.support.books import faults
from tests.support.databases import application, migrate, settings
from tests.support.factories import Bank, Caller, ok
from tests.support.postgres import PostgresServer
from tests.support.raw_sql import RawSql
from tests.support.servers import at_once, until
from tests.support.statements import before_statement
from tests.support.workers import WorkerProcess

PAUSING = "tests.support.pausing_worker"


@pytest.fixture
def bank(fresh_bank: Bank) -> Bank:
    return fresh_bank


@pytest.fixture
def url(bank: Bank) -> str:
    return str(bank.app.config["SQLALCHEMY_DATABASE_URI"])


@pytest.fixture
def raw(bank: Bank, raw_sql: Callable[..., RawSql]) -> Iterator[RawSql]:
    with raw_sql(bank.app) as connection:
        yield connection


def customers_with_overdue_holds(bank: Bank, count: int) -> list[tuple[Caller, dict[str, Any]]]:
    made = []
    for _ in range(count):
        caller = bank.customer()
        account = caller.account(balance=1_000)
        card = caller.card(account)
        with clocks.at(clocks.ago(days=8)):
            caller.hold(card, 300)
        made.append((caller, account))
    return made


def expired_holds(raw: RawSql) -> int:
    return int(raw.rows("SELECT count(*) FROM authorizations WHERE status = 'expired'")[0][0])


def check_released(bank: Bank, raw: RawSql, customers: list[tuple[Caller, dict[str, Any]]]) -> None:
    assert expired_holds(raw) == len(customers)
    assert raw.rows("SELECT sum(held) FROM accounts")[0][0] == 0
    assert [caller.balances(account) for caller, account in customers] == [(1_000, 1_000)] * len(customers)
    assert faults(bank.app) == []


def test_another_worker_takes_over_from_one_that_was_killed_in_the_middle(
    bank: Bank, url: str, raw: RawSql, tmp_path: Path
) -> None:
    customers = customers_with_overdue_holds(bank, 3)
    with WorkerProcess(url, tmp_path, "60", module=PAUSING) as first:
        until(lambda: first.said("pausing"), seconds=30)
        assert expired_holds(raw) == 1
        first.signal(signal.SIGKILL)
        first.wait()
    with WorkerProcess(url, tmp_path, "--only", "expire_holds") as second:
        until(lambda: expired_holds(raw) == 3, seconds=30)
        until(lambda: raw.rows("SELECT last_outcome FROM job_leases") == [("success",)])
        second.signal(signal.SIGTERM)
        assert second.wait() == 0
    check_released(bank, raw, customers)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_worker_ends_its_step_and_gives_its_leases_back(
    bank: Bank, url: str, raw: RawSql, tmp_path: Path, number: signal.Signals
) -> None:
    customers = customers_with_overdue_holds(bank, 3)
    with WorkerProcess(url, tmp_path, "1", module=PAUSING) as worker:
        until(lambda: worker.said("pausing"), seconds=30)
        worker.signal(number)
        assert worker.wait() == 0
        assert worker.said("worker stopped")
    check_released(bank, raw, customers)
    assert raw.rows("SELECT holder FROM job_leases") == [(None,)]


def test_a_second_signal_ends_the_worker_at_once(bank: Bank, url: str, raw: RawSql, tmp_path: Path) -> None:
    customers_with_overdue_holds(bank, 2)
    with WorkerProcess(url, tmp_path, "60", module=PAUSING) as worker:
        until(lambda: worker.said("pausing"), seconds=30)
        worker.signal(signal.SIGTERM)
        time.sleep(0.5)
        assert worker.process.poll() is None
        began = time.monotonic()
        worker.signal(signal.SIGTERM)
        assert worker.wait() == -signal.SIGTERM
    assert time.monotonic() - began < 5
    # The transaction of the second account was open. It rolled back.
    until(lambda: expired_holds(raw) == 1)


def make_due(bank: Bank) -> list[tuple[Caller, dict[str, Any]]]:
    """Make work for every job: overdue holds, an attempt without outcome, old keys and tokens, months that are over."""
    with clocks.at(clocks.ago(days=70)):
        for _ in range(3):
            old = bank.customer()
            ok(old.move(old.account(balance=5), 5, "deposit", key=uuid.uuid4().hex), 201)
    customers = customers_with_overdue_holds(bank, 3)
    with bank.app.app_context(), clocks.at(clocks.ago(minutes=10)):
        for _ in range(3):
            facts: dict[str, Any] = {"user_id": None, "resource_type": "transfer", "resource_id": None, "metadata": {}}
            audit_logs.add(audit.new_row(ids.new(), "transfer", status=PENDING, **facts))
    return customers


COUNTS = {
    "number_events": "SELECT count(*) FROM events WHERE position IS NOT NULL",
    "fan_out_events": "SELECT last_position FROM webhook_fan_out",
    "deliver_webhooks": "SELECT 1",
    "index_transactions": "SELECT count(*) FROM search_texts",
    "expire_holds": "SELECT count(*) FROM authorizations WHERE status = 'expired'",
    "settle_audit": "SELECT count(*) FROM audit_logs WHERE status = 'failure'",
    "seal_audit": "SELECT count(*) FROM audit_seals",
    "purge_tokens": "SELECT count(*) FROM auth_tokens",
    "purge_idempotency": "SELECT count(*) FROM idempotency_keys",
    "close_statements": "SELECT count(*) FROM statements",
    "purge_webhooks": "SELECT 1",
    "verify_ledger": "SELECT 1",
}
"""Job → the number of rows that its work shows in."""
QUICK = {job.name for job in JOBS if job.every_seconds < 60}


def run_in_two_workers_at_once(app: Flask, job: Job) -> list[int]:
    """Run a step of a job twice at the same moment, as where a lease was lost."""

    def run() -> int:
        with app.app_context():
            return job.run()

    return at_once([run, run])


def test_each_job_comes_right_when_two_workers_run_it_at_once(bank: Bank, raw: RawSql) -> None:
    customers = make_due(bank)
    for job in JOBS:
        before = raw.rows(COUNTS[job.name])[0][0]
        run_in_two_workers_at_once(bank.app, job)
        with bank.app.app_context():
            # Nothing is left to do: neither of the two undid or kept back the work of the other.
            after = raw.rows(COUNTS[job.name])[0][0]
            assert job.run() == 0, job.name
            assert raw.rows(COUNTS[job.name])[0][0] == after, job.name
        assert after != before or COUNTS[job.name] == "SELECT 1", job.name
    assert raw.rows("SELECT count(*) FROM audit_logs WHERE status = 'pending'") == [(0,)]
    assert raw.rows("SELECT count(*) FROM audit_logs WHERE status = 'failure'") == [(3,)]
    check_released(bank, raw, customers)
    verified = bank.app.test_cli_runner().invoke(args=["audit", "verify"])
    assert verified.exit_code == 0, verified.output


@pytest.mark.parametrize(
    ("name", "part"), [("close_statements", "FROM transactions"), ("seal_audit", "INSERT INTO audit_seals")]
)
def test_a_job_that_is_overtaken_by_another_worker_comes_right(
    bank: Bank, raw: RawSql, dialect: str, name: str, part: str
) -> None:
    if (name, dialect) == ("seal_audit", "sqlite"):
        pytest.skip("The transaction that seals holds the whole file, so nobody can overtake it.")
    make_due(bank)
    [job] = [job for job in JOBS if job.name == name]

    def overtake() -> None:
        with bank.app.app_context():
            job.run()

    with before_statement(bank.app, part, overtake), bank.app.app_context():
        assert job.run() == 0
    assert raw.rows(COUNTS[name])[0][0] > 0
    assert [fault for fault in faults(bank.app) if "statement" in str(fault)] == []
    verified = bank.app.test_cli_runner().invoke(args=["audit", "verify"])
    assert verified.exit_code == 0, verified.output


def test_two_workers_do_all_due_jobs_once(bank: Bank, url: str, raw: RawSql, tmp_path: Path) -> None:
    customers = make_due(bank)
    with WorkerProcess(url, tmp_path) as one, WorkerProcess(url, tmp_path) as two:
        until(
            lambda: raw.rows("SELECT count(*) FROM job_leases WHERE last_outcome = 'success'") == [(len(JOBS),)],
            seconds=40,
        )
        until(lambda: one.said("worker started") and two.said("worker started"), seconds=30)
        for worker in (one, two):
            worker.signal(signal.SIGTERM)
        assert (one.wait(), two.wait()) == (0, 0)
        verifications = [line for line in one.lines + two.lines if line["message"] == "ledger verified"]
        assert len(verifications) == 1
        assert not [line for line in one.lines + two.lines if line["level"] == "error"]
    check_released(bank, raw, customers)


def test_once_runs_what_is_due_and_then_nothing(bank: Bank, raw: RawSql) -> None:
    customers = make_due(bank)
    work = bank.app.test_cli_runner().invoke
    handler = signal.getsignal(signal.SIGTERM)
    done = work(args=["work", "--once"])
    assert done.exit_code == 0, done.output
    check_released(bank, raw, customers)
    leases = "SELECT name, last_started_at, holder FROM job_leases ORDER BY name"
    assert [(name, holder) for name, _, holder in raw.rows(leases)] == [(name, None) for name in sorted(COUNTS)]

    def rare() -> list[tuple[Any, ...]]:
        # The others are due again before the command ends.
        return [row for row in raw.rows(leases) if row[0] not in QUICK]

    first = rare()
    assert work(args=["work", "--once"]).exit_code == 0
    assert rare() == first
    assert work(args=["work", "--once", "--only", "expire_holds"]).exit_code == 0
    again = rare()
    assert [row[0] for row, earlier in zip(again, first, strict=True) if row != earlier] == ["expire_holds"]
    assert signal.getsignal(signal.SIGTERM) == handler


def test_once_ends_with_1_if_a_job_failed_and_runs_the_others(bank: Bank, raw_sql: Callable[..., RawSql]) -> None:
    customers_with_overdue_holds(bank, 1)
    with raw_sql(bank.app, guarded=False) as attacker:
        attacker.run("UPDATE accounts SET balance = balance + 1 WHERE balance > 0")
        done = bank.app.test_cli_runner().invoke(args=["work", "--once"])
        assert done.exit_code == 1, done.output
        outcomes = dict(attacker.rows("SELECT name, last_outcome FROM job_leases"))
    assert outcomes == dict.fromkeys(COUNTS, "success") | {"verify_ledger": "failure"}


def test_a_worker_needs_the_tables_of_its_code(bank: Bank, raw: RawSql) -> None:
    raw.run("UPDATE alembic_version SET version_num = '0001'")
    done = bank.app.test_cli_runner().invoke(args=["work"])
    assert (done.exit_code, done.output) == (1, "Error: the database lacks migrations; run: flask db upgrade\n")


def make_expiry_due(raw: RawSql) -> None:
    raw.run("UPDATE job_leases SET due_at = '2000-01-01T00:00:00.000000Z', last_outcome = NULL")


def is_done(raw: RawSql) -> bool:
    return raw.rows("SELECT last_outcome FROM job_leases WHERE holder IS NULL") == [("success",)]


def test_a_worker_waits_for_a_postgresql_that_is_away(postgres_template: str, tmp_path: Path) -> None:
    # A server of its own, because the others use the shared one. Its migrations are made here.
    with PostgresServer() as server:
        url = server.create_database("bank")
        migrate(url)
        with WorkerProcess(url, tmp_path, "--only", "expire_holds") as worker, application(settings(url)) as app:
            with RawSql.to(server, app) as raw:
                until(lambda: worker.said("worker started") and is_done(raw), seconds=30)
            server.crash()
            until(lambda: worker.said("worker waits for the database"), seconds=30)
            server.restart()
            until(lambda: worker.said("worker has the database again"), seconds=30)
            with RawSql.to(server, app) as raw:
                make_expiry_due(raw)
                until(lambda: is_done(raw), seconds=30)
            worker.signal(signal.SIGTERM)
            assert worker.wait() == 0


def test_a_worker_waits_for_a_sqlite_file_that_is_locked(
    sqlite_template: Path, tmp_path: Path, make_app: Callable[..., Flask]
) -> None:
    path = tmp_path / "bank.sqlite3"
    path.write_bytes(sqlite_template.read_bytes())
    with (
        RawSql.to(None, make_app(f"sqlite:///{path}")) as raw,
        WorkerProcess(f"sqlite:///{path}", tmp_path, "--only", "expire_holds") as worker,
    ):
        until(lambda: worker.said("worker started") and is_done(raw), seconds=30)
        make_expiry_due(raw)
        raw.connection.execute("BEGIN EXCLUSIVE")
        until(lambda: worker.said("worker waits for the database"), seconds=60)
        raw.connection.execute("COMMIT")
        until(lambda: is_done(raw), seconds=30)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0


def test_a_worker_that_starts_without_a_database_can_be_stopped(tmp_path: Path) -> None:
    with WorkerProcess("postgresql://nobody@127.0.0.1:1/bank", tmp_path) as worker:
        until(lambda: worker.said("worker waits for the database"), seconds=30)
        worker.signal(signal.SIGTERM)
        assert worker.wait() == 0
