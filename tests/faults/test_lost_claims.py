"""A claim that was taken over: the old attempt can neither move money nor store an answer."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from werkzeug.test import TestResponse

from tests.support.books import faults
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.servers import until
from tests.support.statements import before_statement


@pytest.fixture
def bank(bank_on: Callable[..., Bank], postgres_url: str) -> Bank:
    """A bank whose claims have no lease, so that a retry takes them over at once."""
    return bank_on(postgres_url, idempotency_lease=timedelta(0))


_WAITING = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


def send_twice(bank: Bank, before: str, send: Callable[[], TestResponse]) -> tuple[TestResponse, TestResponse]:
    """Send a request and send it again before its statement ``before``; return both answers, the first one first."""
    answers: list[TestResponse] = []
    with before_statement(bank.app, before, lambda: answers.append(send())):
        old = send()
    [new] = answers
    return old, new


@pytest.mark.parametrize("kind", ["transfer", "withdrawal"])
def test_an_attempt_that_lost_its_claim_cannot_commit(bank: Bank, kind: str) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    sends = {
        "transfer": lambda: ada.transfer(source, target, 60, key="rent"),
        "withdrawal": lambda: ada.move(source, 60, "withdrawal", key="rent"),
    }
    old, new = send_twice(bank, "INTO transfers" if kind == "transfer" else "FOR NO KEY UPDATE", sends[kind])
    refused(old, 409, "idempotency_in_flight")
    assert sends[kind]().get_json() == ok(new, 201)
    assert (ada.balance(source), bob.balance(target)) == (40, 60 if kind == "transfer" else 0)
    assert statuses(ada, kind) == ["success", "failure"]
    assert faults(bank.app) == []


def test_an_attempt_that_lost_its_claim_stores_no_refusal(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=50), bob.account()
    old, new = send_twice(bank, "UPDATE idempotency_keys", lambda: ada.transfer(source, target, 60, key="rent"))
    refused(old, 409, "idempotency_in_flight")
    refused(new, 422, "insufficient_funds")
    assert ada.transfer(source, target, 60, key="rent").data == new.data
    assert statuses(ada) == ["failure", "failure"]


def test_a_claim_is_not_taken_over_while_its_attempt_stores(
    bank: Bank, postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    waiting = f"SELECT count(*) >= %s {_WAITING}"
    with ThreadPoolExecutor(2) as pool, psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT 1 FROM accounts FOR UPDATE")
        sent = []
        for count in (1, 2):
            sent.append(pool.submit(ada.transfer, source, target, 60, key="rent"))
            until(lambda count=count: admin.execute(waiting, [count]).fetchone() == (True,))
        holder.rollback()
        old, new = (request.result() for request in sent)
    assert new.get_json() == ok(old, 201)
    assert "Idempotent-Replayed" in new.headers
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
    assert statuses(ada) == ["success"]
    assert faults(bank.app) == []


@pytest.mark.parametrize("kind", ["transfer", "withdrawal"])
def test_an_attempt_that_is_settled_while_it_stores_moves_no_money(
    bank: Bank, postgres_url: str, admin: psycopg.Connection[Any], kind: str
) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    send = {
        "transfer": lambda: ada.transfer(source, target, 60, key="rent"),
        "withdrawal": lambda: ada.move(source, 60, "withdrawal", key="rent"),
    }[kind]
    with ThreadPoolExecutor(1) as pool, psycopg.connect(postgres_url) as settling:

        def settle() -> None:
            # As `flask audit settle` does, on a machine whose clock is ahead: the attempt is alive.
            settling.execute("UPDATE audit_logs SET status = 'failure', finished_at = now() WHERE status = 'pending'")

        with before_statement(bank.app, "UPDATE audit_logs", settle):
            old = pool.submit(send)
            until(lambda: admin.execute(f"SELECT count(*) > 0 {_WAITING}").fetchone() == (True,))
        settling.commit()
        refused(old.result(), 409, "idempotency_in_flight")
    assert ada.balance(source) == 100
    assert ok(send(), 201)["amount"] == 60
    assert ada.balance(source) == 40
    assert statuses(ada, kind) == ["success", "failure"]
    assert faults(bank.app) == []


def statuses(caller: Caller, kind: str = "transfer") -> list[str]:
    rows = ok(caller.get(f"/audit-logs?event_type={kind}"))["items"]
    return [row["status"] for row in rows]


# SQLite has one writer at a time, so a trigger changes the claim inside the transaction that moves the money.
_TAKEN_MEANWHILE = (
    "CREATE TRIGGER taken AFTER INSERT ON transfers BEGIN"
    " UPDATE idempotency_keys SET claim_id = '00000000-0000-0000-0000-000000000000'; END"
)


def test_a_transfer_without_its_claim_moves_no_money_on_sqlite(bank_on: Callable[..., Bank], sqlite_url: str) -> None:
    bank = bank_on(sqlite_url)
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as owner:
        owner.execute(_TAKEN_MEANWHILE)
    refused(ada.transfer(source, target, 60, key="rent"), 409, "idempotency_in_flight")
    assert (ada.balance(source), bob.balance(target)) == (100, 0)
    assert faults(bank.app) == []
