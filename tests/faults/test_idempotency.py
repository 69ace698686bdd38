"""Idempotency keys with many workers, across a restart, and when a worker is killed during a command."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Thread

from sqlalchemy import Connection, NullPool, create_engine, text

from tests.support.books import faults
from tests.support.databases import ROLE
from tests.support.factories import ok, refused
from tests.support.postgres import SUPERUSER
from tests.support.raw_sql import RawSql, make_pending_rows_older
from tests.support.servers import GunicornServer, RemoteBank, at_once, until


@contextmanager
def connect(server: GunicornServer) -> Iterator[Connection]:
    """Open a separate connection to the server's database, as the superuser on PostgreSQL, in autocommit."""
    url = server.database_url.replace("postgresql:", "postgresql+psycopg:").replace(f"//{ROLE}@", f"//{SUPERUSER}@")
    with create_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool).connect() as connection:
        yield connection


def test_twenty_concurrent_requests_with_one_key_move_money_once(remote_bank: RemoteBank) -> None:
    ada, bob = remote_bank.customer(), remote_bank.customer()
    source, target = ada.account(balance=1_000), bob.account()
    replies = at_once([lambda: ada.transfer(source, target, 10, key="once")] * 20)
    made = [reply for reply in replies if reply.status_code == 201]
    others = [reply for reply in replies if reply.status_code != 201]
    assert made
    assert len({reply.data for reply in made}) == 1
    assert sum("Idempotent-Replayed" not in reply.headers for reply in made) == 1
    for reply in others:
        refused(reply, 409, "idempotency_in_flight")
        assert reply.headers["Retry-After"] == "1"
    assert ada.transfer(source, target, 10, key="once").data == made[0].data
    assert (ada.balance(source), bob.balance(target)) == (990, 10)
    assert len(ok(ada.get("/audit-logs?event_type=transfer"))["items"]) == 1


def test_twenty_concurrent_requests_with_one_key_have_one_refusal(remote_bank: RemoteBank) -> None:
    ada, bob = remote_bank.customer(), remote_bank.customer()
    source, target = ada.account(balance=5), bob.account()
    replies = at_once([lambda: ada.transfer(source, target, 10, key="once")] * 20)
    final = [reply for reply in replies if reply.status_code == 422]
    assert {reply.status_code for reply in replies} <= {409, 422}
    assert len({reply.data for reply in final}) == 1
    ada.deposit(source, 100)
    assert ada.transfer(source, target, 10, key="once").data == final[0].data
    assert ada.balance(source) == 105


def test_answers_are_replayed_after_a_restart(fresh_remote_bank: RemoteBank) -> None:
    bank = fresh_remote_bank
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    made, refusal = ada.transfer(source, target, 60, key="made"), ada.transfer(source, target, 99, key="refused")
    bank.server.stop()
    bank.server.start()
    ada.deposit(source, 1_000)
    assert ada.transfer(source, target, 60, key="made").data == made.data
    assert ada.transfer(source, target, 99, key="refused").data == refusal.data
    assert bob.balance(target) == 60


@contextmanager
def hang_while_storing(bank: RemoteBank, lock: str) -> Iterator[Connection]:
    """Let the next transaction that moves money hang after its claim has committed."""
    with connect(bank.server) as admin:
        if admin.dialect.name == "postgresql":
            # The transaction waits for the lock of this connection.
            with connect(bank.server) as holder:
                holder.execute(text("BEGIN"))
                holder.execute(text(lock))
                yield admin
                holder.execute(text("ROLLBACK"))
        else:
            # The transaction holds the file's only write lock itself, so a trigger makes it compute for long.
            admin.execute(
                text(
                    "CREATE TRIGGER stuck AFTER INSERT ON transactions BEGIN SELECT count(*) FROM (WITH RECURSIVE"
                    " n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 300000000) SELECT i FROM n); END"
                )
            )
            yield admin
            admin.execute(text("DROP TRIGGER stuck"))


def _claimed(ours: Connection) -> bool:
    return bool(ours.scalar(text("SELECT count(*) FROM audit_logs WHERE status = 'pending'")))


def _is_storing(admin: Connection) -> bool:
    if admin.dialect.name == "sqlite":
        return _claimed(admin)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return _claimed(admin) and bool(admin.scalar(text(waiting)))


def kill_in_the_middle_without_key(bank: RemoteBank, send: Callable[[], object]) -> None:
    kill_in_the_middle(bank, "SELECT 1 FROM accounts FOR UPDATE", send)


def kill_in_the_middle(bank: RemoteBank, lock: str, send: Callable[[], object]) -> None:
    """Send a request, kill every worker while it waits for ``lock``, and wait for workers that answer."""
    lost: list[Exception] = []

    def request() -> None:
        try:
            send()
        except OSError as problem:
            lost.append(problem)

    client = Thread(target=request)
    with hang_while_storing(bank, lock) as admin:
        client.start()
        until(lambda: _is_storing(admin))
        workers = bank.server.workers
        bank.server.kill_workers()
        client.join()
    assert len(lost) == 1
    until(lambda: len(bank.server.workers) == len(workers) and not set(workers) & set(bank.server.workers))
    until(bank.server.answers)


def test_the_key_of_a_killed_worker_is_free_after_the_lease(fresh_remote_bank: RemoteBank) -> None:
    bank = fresh_remote_bank
    ada = bank.customer()
    account = ada.account(balance=100)
    send = partial(ada.move, account, 60, "withdrawal", key="rent")
    kill_in_the_middle(bank, "SELECT 1 FROM accounts FOR UPDATE", send)
    # The first request may still run, but reading works and other keys do. A retry is told when it can succeed.
    reply = send()
    refused(reply, 409, "idempotency_in_flight")
    assert 1 <= int(reply.headers["Retry-After"]) <= 5
    assert ada.balance(account) == 100
    ok(ada.move(account, 1, "withdrawal", key="other"), 201)
    _end_the_lease(bank)
    assert ok(send(), 201)["amount"] == 60
    assert send().headers["Idempotent-Replayed"] == "true"
    assert ada.balance(account) == 39
    assert faults(bank.app) == []
    rows = ok(ada.get("/audit-logs?event_type=withdrawal"))["items"]
    assert [(row["status"], row["metadata"].get("code")) for row in rows] == [
        ("success", None),
        ("success", None),
        ("failure", "abandoned"),
    ]
    assert rows[-1]["metadata"]["amount"] == 60


def test_a_key_is_free_again_after_the_longest_statement(fresh_remote_bank: RemoteBank) -> None:
    bank = fresh_remote_bank
    ada = bank.customer()
    account = ada.account(balance=100)
    send = partial(ada.move, account, 60, "withdrawal", key="rent")
    kill_in_the_middle(bank, "SELECT 1 FROM accounts FOR UPDATE", send)
    killed = time.monotonic()
    while (reply := send()).status_code == 409:
        time.sleep(int(reply.headers["Retry-After"]))
        assert time.monotonic() < killed + 10
    assert ok(reply, 201)["amount"] == 60
    assert ada.balance(account) == 40


def test_a_row_of_a_killed_request_without_a_key_is_settled_by_a_command(
    fresh_remote_bank: RemoteBank, raw_sql: Callable[..., RawSql]
) -> None:
    bank = fresh_remote_bank
    ada = bank.customer()
    account = ada.account(balance=100)
    kill_in_the_middle_without_key(bank, partial(ada.move, account, 60, "withdrawal"))
    settle = partial(bank.app.test_cli_runner().invoke, args=["audit", "settle"])
    assert settle().output == "0 abandoned rows settled\n"
    with raw_sql(bank.app) as owner:
        make_pending_rows_older(owner, seconds=61)
    assert settle().output == "1 abandoned rows settled\n"
    assert settle().output == "0 abandoned rows settled\n"
    [row] = ok(ada.get("/audit-logs?event_type=withdrawal"))["items"]
    assert (row["status"], row["metadata"]["code"], row["metadata"]["amount"]) == ("failure", "abandoned", 60)
    assert ada.balance(account) == 100
    assert faults(bank.app) == []


def test_verify_names_a_row_that_is_pending_for_a_day(
    fresh_remote_bank: RemoteBank, raw_sql: Callable[..., RawSql]
) -> None:
    bank = fresh_remote_bank
    ada = bank.customer()
    account = ada.account(balance=100)
    kill_in_the_middle_without_key(bank, partial(ada.move, account, 60, "withdrawal"))
    assert faults(bank.app) == []
    with raw_sql(bank.app) as owner:
        make_pending_rows_older(owner, seconds=24 * 3600 + 1)
    [fault] = faults(bank.app)
    assert "audit_pending" in str(fault)


def test_a_transfer_of_a_killed_worker_moves_money_once(fresh_remote_bank: RemoteBank) -> None:
    bank = fresh_remote_bank
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    send = partial(ada.transfer, source, target, 60, key="rent")
    # PostgreSQL finishes the statement without its client; on SQLite the statement ends with the worker.
    kill_in_the_middle(bank, "SELECT 1 FROM accounts FOR UPDATE", send)
    _end_the_lease(bank)
    assert ok(send(), 201)["amount"] == 60
    assert send().headers["Idempotent-Replayed"] == "true"
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
    assert faults(bank.app) == []


def _end_the_lease(bank: RemoteBank) -> None:
    with connect(bank.server) as admin:
        earlier = (
            "claimed_at - interval '31 seconds'"
            if admin.dialect.name == "postgresql"
            else "strftime('%Y-%m-%dT%H:%M:%fZ', claimed_at, '-31 seconds')"
        )
        admin.execute(text(f"UPDATE idempotency_keys SET claimed_at = {earlier} WHERE finished_at IS NULL"))
