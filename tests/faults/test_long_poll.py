"""A long poll waits at the server without a thread, and answers as soon as there is an event."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.faults.production import get, production
from tests.support.event_streams import sequencer
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.raw_http import connect, read_answer, request
from tests.support.servers import GunicornServer, RemoteBank, until
from tests.support.streams import number


@pytest.fixture
def remote(fresh_app: Flask, dialect: str, tmp_path: Path) -> Iterator[RemoteBank]:
    """A bank behind one worker: with one thread on SQLite, with four on PostgreSQL."""
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    few = {"WEB_CONCURRENCY": "1", "WEB_THREADS": "1" if dialect == "sqlite" else "4"}
    with production(url, tmp_path, **few) as server, sequencer(fresh_app):
        yield RemoteBank(fresh_app, server)


def last_position(bank: Bank, caller: Caller) -> int:
    number(bank.app)
    return int(ok(caller.get("/events?limit=100"))["last_position"])


def timed(caller: Caller, path: str) -> tuple[float, TestResponse]:
    began = time.monotonic()
    answer = caller.get(path)
    return time.monotonic() - began, answer


def started(server: GunicornServer, caller: Caller, path: str) -> Future[tuple[float, TestResponse]]:
    """Begin a request in a thread, and return when the server has certainly parked it."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(timed, caller, path)
    pool.shutdown(wait=False)
    time.sleep(1)
    assert not future.done(), future.result()
    return future


def test_a_long_poll_answers_on_news_and_holds_no_worker(remote: RemoteBank) -> None:
    ada = remote.customer()
    account = ada.account()
    after = last_position(remote, ada)
    waiting = [started(remote.server, ada, f"/events?after={after}&wait_seconds=25") for _ in range(3)]
    # The one worker serves others meanwhile.
    began = time.monotonic()
    ok(ada.move(account, 700, "deposit"), 201)
    for future in waiting:
        _, answer = future.result(timeout=10)
        found = ok(answer)
        assert [item["data"]["amount"] for item in found["items"]] == [700]
        assert found["last_position"] == after + 1
    assert time.monotonic() - began < 10
    # Each answer is one line of the log and one request in the metrics.
    until(lambda: sum(line.get("path") == "/v1/events" for line in remote.server.lines) >= 4)
    lines = [line for line in remote.server.lines if line.get("path") == "/v1/events"]
    assert len(lines) == 1 + 3
    page = get(remote.server, "/metrics").get_data(as_text=True)
    assert 'bankapp_requests_total{endpoint="events.list_events",status="200"} 4.0' in page


def test_a_long_poll_without_news_ends_after_its_time(remote: RemoteBank) -> None:
    ada, bob = remote.customer(), remote.customer()
    account = bob.account()
    after = last_position(remote, ada)
    waiting = started(remote.server, ada, f"/events?after={after}&wait_seconds=4")
    ok(bob.move(account, 700, "deposit"), 201)
    seconds, answer = waiting.result(timeout=20)
    assert ok(answer) == {"items": [], "last_position": after, "has_more": False}
    assert seconds >= 4


def test_a_filter_waits_for_its_own_events(remote: RemoteBank) -> None:
    ada = remote.customer()
    account = ada.account()
    after = last_position(remote, ada)
    path = f"/events?after={after}&type=account.closed&resource_id={account['id']}&wait_seconds=25"
    waiting = started(remote.server, ada, path)
    ok(ada.move(account, 700, "deposit"), 201)
    ok(ada.move(account, 700, "withdrawal"), 201)
    time.sleep(1)
    assert not waiting.done()
    ok(ada.post(f"/accounts/{account['id']}/close"))
    assert [item["type"] for item in ok(waiting.result(timeout=10)[1])["items"]] == ["account.closed"]


def test_what_is_there_is_answered_at_once(remote: RemoteBank) -> None:
    ada = remote.customer()
    number(remote.app)
    seconds, answer = timed(ada, "/events?after=0&wait_seconds=25")
    assert ok(answer)["items"]
    assert seconds < 20
    refused(ada.get("/events?wait_seconds=26"), 422, "validation_error")


def test_a_revoked_token_ends_the_wait(remote: RemoteBank) -> None:
    ada, staff = remote.customer(), remote.employee()
    account = ada.account()
    after = last_position(remote, ada)
    waiting = started(remote.server, ada, f"/events?after={after}&wait_seconds=25")
    ok(ada.post("/auth/logout"), 204)
    ok(staff.post(f"/accounts/{account['id']}/freeze"))
    _, answer = waiting.result(timeout=10)
    refused(answer, 401, "token_revoked")


def test_a_stop_answers_those_that_wait(remote: RemoteBank) -> None:
    ada = remote.customer()
    after = last_position(remote, ada)
    waiting = [started(remote.server, ada, f"/events?after={after}&wait_seconds=25") for _ in range(2)]
    os.kill(remote.server.pid, signal.SIGTERM)
    assert remote.server.wait() == 0
    for future in waiting:
        seconds, answer = future.result(timeout=10)
        assert ok(answer) == {"items": [], "last_position": after, "has_more": False}
        assert seconds < 20


def test_a_request_behind_a_long_poll_is_answered_after_it(remote: RemoteBank) -> None:
    ada = remote.customer()
    after = last_position(remote, ada)
    token = f"Authorization: Bearer {ada.tokens['access_token']}"
    with connect(remote.server.address) as connection:
        connection.sendall(request("GET", f"/v1/events?after={after}&wait_seconds=2", token))
        time.sleep(1)
        connection.sendall(request("GET", "/v1/health/live", "Connection: close"))
        answer = read_answer(connection)
    first, _, second = answer.body.partition(b"HTTP/1.1 200 OK")
    assert json.loads(first) == {"items": [], "last_position": after, "has_more": False}
    # With one thread each connection carries one request.
    assert bool(second) == (remote.server.env["WEB_THREADS"] != "1")


def test_an_event_numbered_between_reading_and_parking_is_not_missed(remote: RemoteBank) -> None:
    ada = remote.customer()
    account = ada.account()
    after = last_position(remote, ada)
    for amount in range(1, 16):
        with ThreadPoolExecutor(1) as pool:
            paid = pool.submit(ada.move, account, amount, "deposit")
            seconds, answer = timed(ada, f"/events?after={after}&wait_seconds=25")
            ok(paid.result(), 201)
        [item] = ok(answer)["items"]
        assert (item["data"]["amount"], item["position"]) == (amount, after + 1)
        assert seconds < 20
        after += 1
