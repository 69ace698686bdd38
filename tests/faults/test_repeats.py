"""Conflicts in the database: the command is retried without an error, or answers 503 in time."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Timer
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from bankapp import db
from bankapp.db import dialects, transactions
from bankapp.extensions import db as extension
from tests.support.books import faults
from tests.support.factories import Bank, ok, refused
from tests.support.servers import until


def fail_first(admin: psycopg.Connection[Any], times: int, sqlstate: str) -> Callable[[], int]:
    """Let the next ``times`` attempts at a transfer fail with ``sqlstate``; return a function that counts attempts."""
    # A rollback of the attempt does not reset a sequence.
    admin.execute("CREATE SEQUENCE attempts")
    admin.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
        f" IF nextval('attempts') <= {times} THEN RAISE EXCEPTION USING ERRCODE = '{sqlstate}'; END IF;"
        " RETURN NEW; END $$"
    )
    admin.execute("CREATE TRIGGER fail BEFORE INSERT ON transfers FOR EACH ROW EXECUTE FUNCTION fail()")

    def attempts() -> int:
        row = admin.execute("SELECT last_value FROM attempts").fetchone()
        assert row
        return int(row[0])

    return attempts


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_conflicts_are_retried_without_an_error(
    bank_on: Callable[..., Bank], postgres_url: str, admin: psycopg.Connection[Any], sqlstate: str
) -> None:
    bank = bank_on(postgres_url)
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    attempts = fail_first(admin, db.ATTEMPTS - 1, sqlstate)
    ok(ada.transfer(source, target, 60, key="rent"), 201)
    assert attempts() == db.ATTEMPTS
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
    assert faults(bank.app) == []


@pytest.mark.parametrize("url", ["postgres_url", "sqlite_url"])
def test_a_retry_reads_the_accounts_again(
    bank_on: Callable[..., Bank], request: pytest.FixtureRequest, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank = bank_on(request.getfixturevalue(url))
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    busy = sqlite3.OperationalError("database is locked")
    busy.sqlite_errorname = "SQLITE_BUSY"
    problems = [psycopg.errors.SerializationFailure() if url == "postgres_url" else busy]

    def fail(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if "INTO transfers" in sql and problems:
            raise problems.pop()

    def spend(_seconds: float) -> None:
        with ThreadPoolExecutor(1) as pool:
            ok(pool.submit(ada.move, source, 41, "withdrawal").result(), 201)

    monkeypatch.setattr(transactions, "time", SimpleNamespace(monotonic=time.monotonic, sleep=spend))
    with bank.app.app_context():
        event.listen(extension.engine, "before_cursor_execute", fail)
    refused(ada.transfer(source, target, 60, key="rent"), 422, "insufficient_funds")
    assert problems == []
    assert (ada.balance(source), bob.balance(target)) == (59, 0)
    assert faults(bank.app) == []


def test_endless_conflicts_answer_503_and_the_key_stays_usable(
    bank_on: Callable[..., Bank], postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    bank = bank_on(postgres_url)
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    attempts = fail_first(admin, 1_000, "40001")
    reply = ada.transfer(source, target, 60, key="rent")
    refused(reply, 503, "unavailable")
    assert reply.headers["Retry-After"] == "1"
    assert attempts() == db.ATTEMPTS
    admin.execute("DROP TRIGGER fail ON transfers")
    ok(ada.transfer(source, target, 60, key="rent"), 201)
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
    rows = ok(ada.get("/audit-logs?event_type=transfer"))["items"]
    assert [row["status"] for row in rows] == ["success", "failure"]
    assert rows[1]["metadata"]["code"] == "unavailable"


def test_a_deadlock_is_retried_without_an_error(
    bank_on: Callable[..., Bank], postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    bank = bank_on(postgres_url)
    ada = bank.customer()
    accounts = sorted([ada.account(balance=100), ada.account(balance=100)], key=lambda account: str(account["id"]))
    low, high = accounts
    lock = "SELECT 1 FROM accounts WHERE id = %s FOR UPDATE"
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with psycopg.connect(postgres_url) as holder, ThreadPoolExecutor(1) as pool:
        # Locks in the opposite order, as the application never does, so that PostgreSQL cancels one of the two.
        holder.execute("SET deadlock_timeout = '10s'")
        holder.execute(lock, [high["id"]])
        request = pool.submit(ada.transfer, low, high, 60)
        until(lambda: admin.execute(waiting).fetchone() is not None)
        holder.execute(lock, [low["id"]])
        holder.commit()
        ok(request.result(), 201)
    until(lambda: _deadlock_happened(admin))
    assert (ada.balance(low), ada.balance(high)) == (40, 160)


def _deadlock_happened(admin: psycopg.Connection[Any]) -> bool:
    query = "SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()"
    row = admin.execute(query).fetchone()
    return bool(row and row[0])


def test_a_lock_timeout_answers_503(
    bank_on: Callable[..., Bank], postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialects, "LOCK_TIMEOUT_MS", 200)
    bank = bank_on(postgres_url)
    ada = bank.customer()
    account = ada.account(balance=100)
    with psycopg.connect(postgres_url) as holder:
        holder.execute("SELECT 1 FROM accounts WHERE id = %s FOR UPDATE", [account["id"]])
        reply = ada.move(account, 60, "withdrawal", key="cash")
        refused(reply, 503, "unavailable")
        assert reply.headers["Retry-After"]
    ok(ada.move(account, 60, "withdrawal", key="cash"), 201)
    assert ada.balance(account) == 40


@pytest.mark.parametrize("table", ["auth_tokens", "idempotency_keys", "audit_logs", "accounts", "transactions"])
def test_a_table_that_is_locked_for_long_answers_503_in_time(
    bank_on: Callable[..., Bank],
    postgres_url: str,
    admin: psycopg.Connection[Any],
    table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dialects, "LOCK_TIMEOUT_MS", 200)
    bank = bank_on(postgres_url)
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    order = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 10, "currency": "EUR"}
    requests: list[Callable[[], Any]] = [
        lambda: ada.transfer(source, target, 10, key="rent"),
        lambda: ada.move(source, 10, "deposit", key="wage"),
        lambda: ada.post("/transfers/batch", {"transfers": [order, order]}, key="wages"),
    ]
    with admin.transaction():
        admin.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        for request in requests:
            started = time.monotonic()
            reply = request()
            refused(reply, 503, "unavailable")
            assert int(reply.headers["Retry-After"]) >= 1
            assert time.monotonic() - started < 5
    # What could not even record its failure stays in flight until its lease ends.
    for request in requests:
        while (reply := request()).status_code == 409:
            time.sleep(int(reply.headers["Retry-After"]))
        assert reply.status_code < 300, reply.get_data(as_text=True)
    assert (ada.balance(source), bob.balance(target)) == (100 - 10 + 10 - 20, 30)
    assert faults(bank.app) == []


def test_a_busy_sqlite_file_is_retried_and_then_answers_503(
    bank_on: Callable[..., Bank], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dialects, "SQLITE_BUSY_TIMEOUT_MS", 100)
    bank = bank_on(sqlite_url)
    ada = bank.customer()
    account = ada.account(balance=100)
    holder = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None, check_same_thread=False)
    holder.execute("BEGIN IMMEDIATE")
    started = time.monotonic()
    reply = ada.move(account, 60, "withdrawal", key="cash")
    refused(reply, 503, "unavailable")
    assert reply.headers["Retry-After"]
    assert 0.4 < time.monotonic() - started < 5
    assert ada.balance(account) == 100, "reading needs no lock"
    # The lock is held for longer than one wait for it, so only a retry can succeed.
    release = Timer(0.25, holder.execute, ["ROLLBACK"])
    release.start()
    ok(ada.move(account, 60, "withdrawal", key="cash"), 201)
    release.join()
    holder.close()
    assert ada.balance(account) == 40
    assert faults(bank.app) == []
