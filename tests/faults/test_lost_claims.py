"""A claim that was taken over: the old attempt can neither move money nor answer for good any more."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, LiteralString

import psycopg
import pytest

from tests.books import faults
from tests.factories import Bank, Caller, ok, refused
from tests.servers import until


@pytest.fixture
def bank(bank_on: Callable[..., Bank], postgres_url: str) -> Bank:
    """A bank where every claim may be taken over at once."""
    return bank_on(postgres_url, idempotency_lease=timedelta(0))


ACCOUNTS = "LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"
"""Lets a request hang before it has seen its accounts."""


def twice_while_the_first_hangs(
    ours: psycopg.Connection[Any], send: Callable[[], Any], lock: LiteralString = ACCOUNTS
) -> tuple[Any, Any]:
    """Send a request, and once it waits for ``lock`` send it again; return both answers."""

    def waiting() -> int:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        row = ours.execute(query).fetchone()
        assert row
        return int(row[0])

    with ThreadPoolExecutor(2) as pool, psycopg.connect(ours.info.dsn) as holder:
        holder.execute(lock)
        first = pool.submit(send)
        until(lambda: waiting() == 1)
        second = pool.submit(send)
        until(lambda: waiting() == 2)
        holder.rollback()
        return first.result(), second.result()


def test_the_old_attempt_cannot_commit(bank: Bank, ours: psycopg.Connection[Any]) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    old, new = twice_while_the_first_hangs(ours, lambda: ada.transfer(source, target, 60, key="rent"))
    refused(old, 409, "idempotency_in_flight")
    assert ada.transfer(source, target, 60, key="rent").get_json() == ok(new, 201)
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
    assert statuses(ada) == ["success", "failure"]
    assert faults(bank.app) == []


def test_the_old_attempt_is_not_refused_for_good(bank: Bank, ours: psycopg.Connection[Any]) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=50), bob.account()
    old, new = twice_while_the_first_hangs(ours, lambda: ada.transfer(source, target, 60, key="rent"))
    refused(old, 409, "idempotency_in_flight")
    refused(new, 422, "insufficient_funds")
    assert ada.transfer(source, target, 60, key="rent").data == new.data
    assert statuses(ada) == ["failure", "failure"]


def test_who_is_storing_keeps_the_claim(bank: Bank, ours: psycopg.Connection[Any]) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    accounts: LiteralString = "SELECT 1 FROM accounts FOR UPDATE"
    old, new = twice_while_the_first_hangs(ours, lambda: ada.transfer(source, target, 60, key="rent"), accounts)
    assert new.get_json() == ok(old, 201)
    assert "Idempotent-Replayed" in new.headers
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
    assert statuses(ada) == ["success"]
    assert faults(bank.app) == []


def statuses(caller: Caller) -> list[str]:
    rows = ok(caller.get("/audit-logs?event_type=transfer"))["items"]
    return [row["status"] for row in rows]


# Where only one writes at a time: somebody else's claim appears in the very transaction that moves the money.
_TAKEN_MEANWHILE = (
    "CREATE TRIGGER taken AFTER INSERT ON transfers BEGIN"
    " UPDATE idempotency_keys SET claim_id = '00000000-0000-0000-0000-000000000000'; END"
)


def test_without_its_claim_money_does_not_move_on_sqlite(bank_on: Callable[..., Bank], sqlite_url: str) -> None:
    bank = bank_on(sqlite_url)
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    with contextlib.closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as owner:
        owner.execute(_TAKEN_MEANWHILE)
    refused(ada.transfer(source, target, 60, key="rent"), 409, "idempotency_in_flight")
    assert (ada.balance(source), bob.balance(target)) == (100, 0)
    assert faults(bank.app) == []
