"""Leases of jobs: one worker has a job at a time, by the database's clock."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from flask import Flask

from bankapp.services import leases
from tests.support import clocks
from tests.support.servers import at_once

HOUR = 3600.0
ADA, BOB = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))


@pytest.fixture
def name() -> str:
    """A job's name that no other test uses, since the tests share a database."""
    return f"job_{uuid.uuid4().hex}"


def test_a_lease_is_free_when_it_lapsed_and_not_before(app: Flask, name: str) -> None:
    with app.app_context():
        assert leases.take(name, ADA, 0.5) == 0
        assert 0 < leases.take(name, BOB, 0.5) <= 0.5
        time.sleep(0.6)
        assert leases.take(name, BOB, 60) == 0
        # The worker that lost the lease neither renews it nor records a step.
        assert name not in leases.renew(ADA, 60)
        assert not leases.finish(name, ADA, failure=None, due_in_seconds=HOUR, lease_seconds=None)
        leases.release(name, ADA)
        assert leases.renew(BOB, 60) >= {name}
        assert leases.finish(name, BOB, failure="x" * 1_000, due_in_seconds=0, lease_seconds=None)


@pytest.mark.parametrize("wrong", [datetime(2020, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)])
def test_a_wrong_clock_of_a_machine_takes_no_lease_from_another(app: Flask, name: str, wrong: datetime) -> None:
    with app.app_context():
        assert leases.take(name, ADA, 60) == 0
        with clocks.at(wrong):
            assert 59 < leases.take(name, BOB, 60) <= 60
            assert leases.finish(name, ADA, failure=None, due_in_seconds=HOUR, lease_seconds=None)
            assert 0.99 * HOUR < leases.take(name, BOB, 60) <= HOUR


def test_of_many_workers_one_gets_the_lease(app: Flask, name: str) -> None:
    def take(number: int) -> Callable[[], float]:
        def call() -> float:
            with app.app_context():
                return leases.take(name, str(uuid.UUID(int=number)), 60)

        return call

    waits = at_once([take(number) for number in range(8)])
    assert sum(wait == 0 for wait in waits) == 1
