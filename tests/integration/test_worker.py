"""The worker's loop: jobs run when they are due, in one worker at a time, and no failure stops the others."""

from __future__ import annotations

import itertools
import logging
import threading
import time
import uuid
from collections.abc import Callable

import pytest
from flask import Flask

from bankapp.models import JobLeaseRecord
from bankapp.repositories import job_leases
from bankapp.services.jobs import JOBS, FaultsFound, Job
from bankapp.work import Timing
from tests.support.servers import until
from tests.support.workers import QUICK, working

HOUR = 3600.0


@pytest.fixture
def name() -> str:
    """A job's name that no other test uses, since the tests share a database."""
    return f"job_{uuid.uuid4().hex}"


def lease_of(app: Flask, name: str) -> JobLeaseRecord:
    with app.app_context():
        found = job_leases.get(name)
    assert found
    return found


def due_in(app: Flask, name: str) -> float:
    lease = lease_of(app, name)
    return (lease.due_at - lease.now).total_seconds()


def test_a_job_is_repeated_at_once_while_it_has_work_and_then_waits(app: Flask, name: str) -> None:
    left, runs = [3, 2, 1, 0], list[float]()

    def run() -> int:
        runs.append(time.monotonic())
        return left.pop(0)

    with working(app, [Job(name, run, every_seconds=HOUR)]):
        until(lambda: not left)
        until(lambda: lease_of(app, name).last_success_at is not None and lease_of(app, name).holder is None)
        time.sleep(3 * QUICK.poll)
    assert len(runs) == 4
    assert 0.99 * HOUR < due_in(app, name) <= HOUR


def test_a_job_whose_lease_is_kept_does_not_run_before_its_time(app: Flask, name: str) -> None:
    runs: list[float] = []
    every_seconds = 0.5
    assert QUICK.poll < every_seconds < QUICK.lease
    with working(app, [Job(name, lambda: runs.append(time.monotonic()) or 0, every_seconds)]):
        until(lambda: len(runs) == 4)
    assert min(later - earlier for earlier, later in itertools.pairwise(runs)) >= every_seconds


def test_a_short_job_runs_on_time_while_a_long_one_runs(app: Flask, name: str) -> None:
    ended, ticks = threading.Event(), list[float]()

    def run_long() -> int:
        assert ended.wait(20)
        return 0

    def run_short() -> int:
        ticks.append(time.monotonic())
        return 0

    long, short = Job(f"{name}_l"[-40:], run_long, every_seconds=HOUR), Job(name, run_short, every_seconds=0.05)
    with working(app, [long, short]):
        until(lambda: len(ticks) > 20)
        assert lease_of(app, long.name).holder is not None
        ended.set()


def test_more_jobs_than_web_threads_have_a_connection_each(make_app: Callable[..., Flask], app: Flask) -> None:
    small = make_app(app.config["SQLALCHEMY_DATABASE_URI"], WEB_THREADS="1")
    count = len(JOBS) + 4
    meeting, met = threading.Barrier(count), list[int]()

    def run() -> int:
        # The connection of this step was taken for its lease. It is kept until the step ends.
        met.append(meeting.wait(10))
        return 0

    jobs = [Job(f"job_{uuid.uuid4().hex}", run, every_seconds=HOUR) for _ in range(count)]
    with working(small, jobs):
        until(lambda: len(met) == count, seconds=20)


def test_a_short_job_writes_to_the_database_less_often_than_it_runs(app: Flask, name: str) -> None:
    runs: list[int] = []
    timing = Timing(lease=5.0, poll=60.0)
    with working(app, [Job(name, lambda: runs.append(1) or 0, every_seconds=0.01)], timing):
        until(lambda: len(runs) > 1)
        until(lambda: lease_of(app, name).last_success_at is not None)
        recorded = lease_of(app, name).last_success_at
        until(lambda: len(runs) > 20)
        assert lease_of(app, name).last_success_at == recorded


def test_two_workers_never_run_a_job_at_once(app: Flask, name: str) -> None:
    running, most, runs = [0], [0], list[str]()
    lock = threading.Lock()

    def run() -> int:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.02)
        with lock:
            running[0] -= 1
        runs.append(threading.current_thread().name)
        return 0

    # The lease is given back after each step, so that both workers get turns.
    timing = Timing(lease=1.0, poll=0.02)
    job = Job(name, run, every_seconds=1.0)
    with working(app, [job], timing), working(app, [job], timing):
        until(lambda: len(runs) >= 4, seconds=30)
    assert most == [1]


def test_a_step_that_is_longer_than_the_lease_keeps_the_lease(app: Flask, name: str) -> None:
    starts: list[float] = []

    def run() -> int:
        starts.append(time.monotonic())
        time.sleep(3.5 * QUICK.lease)
        return 0

    job = Job(name, run, every_seconds=HOUR)
    with working(app, [job]), working(app, [job]):
        until(lambda: bool(starts))
        time.sleep(2.5 * QUICK.lease)
        assert len(starts) == 1


def test_a_failing_job_is_logged_and_repeated_while_the_others_go_on(
    app: Flask, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    attempts, ticks = list[float](), list[int]()

    def fail() -> int:
        attempts.append(time.monotonic())
        if len(attempts) < 4:
            raise RuntimeError("the mailbox is full")
        return 0

    other = f"o{name}"[:40]
    with working(app, [Job(name, fail, every_seconds=HOUR), Job(other, lambda: ticks.append(1) or 0, 0.02)]):
        until(lambda: len(attempts) == 4)
        until(lambda: lease_of(app, name).last_success_at is not None)
        seen = len(ticks)
        until(lambda: len(ticks) > seen)
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.__dict__["job"] for record in errors] == [name] * 3
    assert "the mailbox is full" in errors[0].getMessage()
    assert errors[0].exc_info
    assert lease_of(app, name).failures == 3
    assert attempts[3] - attempts[2] >= 4 * QUICK.retry


def test_faults_are_a_failure_that_is_not_repeated_before_its_time(app: Flask, name: str) -> None:
    runs: list[int] = []

    def run() -> int:
        runs.append(1)
        raise FaultsFound("7 faults in the ledger")

    with working(app, [Job(name, run, every_seconds=HOUR)]):
        until(lambda: bool(runs) and lease_of(app, name).failures == 1)
        time.sleep(5 * QUICK.retry)
    assert len(runs) == 1
    assert due_in(app, name) > 0.99 * HOUR
    assert lease_of(app, name).last_success_at is None


def test_a_stop_waits_for_the_running_step_and_gives_the_lease_back(app: Flask, name: str) -> None:
    started, ended = threading.Event(), list[int]()

    def run() -> int:
        started.set()
        time.sleep(0.5)
        ended.append(1)
        return 1

    with working(app, [Job(name, run, every_seconds=HOUR)]):
        assert started.wait(10)
    assert ended == [1]
    assert lease_of(app, name).holder is None


def test_a_stop_waits_no_longer_than_its_limit_and_lets_the_lease_lapse(app: Flask, name: str) -> None:
    started, ended = threading.Event(), threading.Event()

    def run() -> int:
        started.set()
        ended.wait(20)
        return 0

    began = 0.0
    with working(app, [Job(name, run, every_seconds=HOUR)], Timing(lease=60.0, stop=0.2)) as worker:
        assert started.wait(10)
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert lease_of(app, name).holder == worker.id
    ended.set()
    until(lambda: lease_of(app, name).holder is None)
