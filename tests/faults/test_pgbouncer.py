"""Behind pgbouncer in transaction mode: no session belongs to a request, and everything works all the same."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import psycopg
import pytest

from tests.support.books import faults
from tests.support.databases import ROLE
from tests.support.factories import Bank, ok, refused
from tests.support.pgbouncer import PROGRAM, Pgbouncer
from tests.support.postgres import SUPERUSER

pytestmark = pytest.mark.skipif(
    PROGRAM is None and not os.environ.get("POOLER_REQUIRED"), reason="pgbouncer is not installed"
)


@pytest.fixture
def pooler(postgres_url: str, admin: psycopg.Connection[Any]) -> Iterator[Pgbouncer]:
    # The settings of a session belong to the role, as docs/operations.md says.
    admin.execute(f"ALTER ROLE {ROLE} SET lock_timeout = '2s'")
    admin.execute(f"ALTER ROLE {ROLE} SET statement_timeout = '5s'")
    admin.execute(f"ALTER ROLE {ROLE} SET timezone = 'UTC'")
    with Pgbouncer(postgres_url.replace(f"//{SUPERUSER}@", f"//{ROLE}@")) as running:
        yield running
    admin.execute(f"ALTER ROLE {ROLE} RESET ALL")


@pytest.fixture
def bank(bank_on: Callable[..., Bank], pooler: Pgbouncer) -> Bank:
    return bank_on(pooler.url, database_pooler="transaction")


def test_the_main_job_runs_with_more_clients_than_connections(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=1_000), bob.account()

    def work(number: int) -> int:
        ok(ada.transfer(source, target, 10, key=f"rent-{number}"), 201)
        ok(ada.transfer(source, target, 10, key=f"rent-{number}"), 201)
        ok(ada.move(source, 1, "withdrawal"), 201)
        ok(ada.get(f"/statements/{source['id']}?format=camt053"))
        return len(ok(ada.get(f"/transactions?account_id={source['id']}"))["items"])

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(20)))
    card = ada.card(source)
    ok(ada.post(f"/authorizations/{ada.hold(card, 5)['id']}/capture"))
    assert (ada.balance(source), bob.balance(target)) == (1_000 - 200 - 20 - 5, 200)
    assert faults(bank.app) == []


def test_a_restart_of_the_pooler_costs_a_503_at_most(bank: Bank, pooler: Pgbouncer) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    pooler.stop()
    refused(ada.transfer(source, target, 60, key="rent"), 503, "unavailable")
    pooler.start()
    assert ok(ada.transfer(source, target, 60, key="rent"), 201)["amount"] == 60
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
    assert ok(ada.get("/health"))["database"] == "ok"
    assert faults(bank.app) == []


def test_restarts_of_the_pooler_under_load_move_the_money_once(bank: Bank, pooler: Pgbouncer) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=10_000), bob.account()
    over = Event()

    def pay(client: int) -> tuple[int, int]:
        """Pay 1 at a time, each until it has an answer; return how often, and how many answers were 503."""
        paid = unavailable = 0
        while not over.is_set():
            while (reply := ada.transfer(source, target, 1, key=f"rent-{client}-{paid}")).status_code in (409, 503):
                unavailable += reply.status_code == 503
                time.sleep(0.1)
            ok(reply, 201)
            paid += 1
        return paid, unavailable

    with ThreadPoolExecutor(4) as pool:
        clients = [pool.submit(pay, client) for client in range(4)]
        for _ in range(3):
            time.sleep(0.5)
            pooler.stop()
            time.sleep(0.3)
            pooler.start()
        over.set()
        results = [client.result() for client in clients]
    paid = sum(count for count, _ in results)
    assert sum(unavailable for _, unavailable in results) > 0
    assert (ada.balance(source), bob.balance(target)) == (10_000 - paid, paid)
    assert faults(bank.app) == []
