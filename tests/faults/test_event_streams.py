"""Server-sent events: they arrive, resume without loss, end with the token, and hold no worker."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from flask import Flask

from tests.faults.production import get, production
from tests.support.api_keys import bearer, make
from tests.support.event_streams import Listener, sequencer
from tests.support.factories import Bank, Caller, ok
from tests.support.postgres import PostgresServer
from tests.support.raw_http import connect, exchange, request
from tests.support.servers import ROOT, SECRET, GunicornServer, RemoteBank, at_once, until
from tests.support.streams import number
from tests.support.tokens import claims_of, signed

PROMPT_SECONDS = 2
"""Within this time an event reaches its listeners."""


@pytest.fixture
def remote(fresh_app: Flask, dialect: str, tmp_path: Path) -> Iterator[RemoteBank]:
    """A bank behind one worker: with one thread on SQLite, with four on PostgreSQL."""
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    few = {"WEB_CONCURRENCY": "1", "WEB_THREADS": "1" if dialect == "sqlite" else "4"}
    with production(url, tmp_path, **few) as server, sequencer(fresh_app):
        yield RemoteBank(fresh_app, server)


def listen(bank: RemoteBank, caller: Caller, query: str = "after=0", *fields: str) -> Listener:
    return Listener(bank.server.address, caller, f"/v1/events/stream?{query}", fields)


def test_events_arrive_as_the_list_shows_them(remote: RemoteBank) -> None:
    ada, bob = remote.customer(), remote.customer()
    account = ada.account()
    with listen(remote, ada) as stream:
        assert stream.status == 200
        head = stream.head.lower()
        for line in ("content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"):
            assert line in head
        assert "content-length" not in head
        stream.read_event(account["id"])
        assert stream.text.startswith("retry: 2000\n\n")
        assert "\n\nid: 1\nevent: session.created\ndata: {" in stream.text
        for amount in (1, 2, 3):
            made = ada.deposit(account, amount)
            bob.account()
            began = time.monotonic()
            assert stream.read_event(made["id"])["data"]["amount"] == amount
            # A busy machine may delay one; a stream that waits for its heartbeat would delay all.
            assert time.monotonic() - began < 5 * PROMPT_SECONDS
        assert stream.events == ok(ada.get("/events?after=0"))["items"]
    lines = [line for line in remote.server.lines if line.get("path") == "/v1/events/stream"]
    assert [(line["status"], line["user_id"]) for line in lines] == [(200, ada.user_id)]
    until(lambda: any(line["message"] == "event stream ended" for line in remote.server.lines))
    [end] = [line for line in remote.server.lines if line["message"] == "event stream ended"]
    assert (end["request_id"], end["user_id"], end["events"]) == (lines[0]["request_id"], ada.user_id, 5)
    assert 0 < end["duration_seconds"] < 120
    assert 'bankapp_requests_total{endpoint="events.stream_events",status="200"} 1.0' in get(
        remote.server, "/metrics"
    ).get_data(as_text=True)


def test_a_stream_resumes_without_loss_or_repetition(remote: RemoteBank) -> None:
    ada = remote.customer()
    account = ada.account()
    seen: list[dict[str, Any]] = []
    fields: tuple[str, ...] = ()
    for amount in range(1, 6):
        with listen(remote, ada, "after=0", *fields) as stream:
            made = ada.deposit(account, amount)
            stream.read_event(made["id"])
            seen += stream.events
            fields = (f"Last-Event-ID: {stream.last_id}",)
        ada.deposit(account, 1000 + amount)
    number(remote.app)
    with listen(remote, ada, "after=0", *fields) as stream:
        everything = ok(ada.get("/events?after=0&limit=100"))["items"]
        stream.read_event(everything[-1]["resource_id"])
        seen += stream.events
    assert [event["position"] for event in seen] == list(range(1, len(everything) + 1))
    assert seen == everything
    for wrong in ("-1", "x", "1" * 19):
        with listen(remote, ada, "after=0", f"Last-Event-ID: {wrong}") as stream:
            assert stream.status == 422


def test_a_long_history_is_sent_in_parts(remote: RemoteBank) -> None:
    ada = remote.customer()
    account = ada.account()
    for _ in range(5):
        batch = [{"account_id": account["id"], "type": "deposit", "amount": 1, "currency": "EUR"}] * 50
        for movement in batch:
            ada.move(account, movement["amount"], "deposit")
    number(remote.app)
    with listen(remote, ada) as stream:
        stream.read_until(lambda: len(stream.events) >= 252, 20)
        assert [event["position"] for event in stream.events] == list(range(1, len(stream.events) + 1))


def test_filters_and_the_stream_of_the_bank(remote: RemoteBank) -> None:
    ada, admin = remote.customer(), remote.employee("admin")
    account = ada.account()
    with listen(remote, ada, "after=0&type=account.closed") as closed, listen(remote, admin, "stream=bank") as bank:
        assert (closed.status, bank.status) == (200, 200)
        with listen(remote, ada, "stream=bank") as forbidden:
            assert forbidden.status == 403
        bank.read_event(account["id"])
        made = ada.deposit(account, 5)
        assert bank.read_event(made["id"])["user_id"] == ada.user_id
        # The filtered stream gets the position, so that a reconnection does not read this event again.
        position = ok(ada.get("/events?after=0"))["last_position"]
        closed.read_until(lambda: "id: " in closed.text and closed.last_id == position)
        assert closed.events == []


def test_a_heartbeat_comes_and_finds_revoked_and_expired_tokens(fresh_app: Flask, dialect: str, tmp_path: Path) -> None:
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    with production(url, tmp_path, WEB_THREADS="1" if dialect == "sqlite" else "4") as server:
        bank = RemoteBank(fresh_app, server)
        ada, bob, eve = (bank.customer() for _ in range(3))
        number(fresh_app)
        eve.tokens["access_token"] = _expiring_soon(eve)
        with listen(bank, ada) as alive, listen(bank, bob) as revoked, listen(bank, eve) as expired:
            assert (alive.status, revoked.status, expired.status) == (200, 200, 200)
            ok(bob.post("/auth/logout"), 204)
            for stream in (revoked, expired):
                stream.read_to_end(30)
                assert b"HTTP/1.1 401" not in stream.raw
                assert "token" not in stream.text
            alive.read_until(lambda: alive.text.count("\n: \n") >= 1, 30)
            assert not alive.is_ended


def test_a_key_gets_the_events_of_its_accounts_until_it_is_revoked(remote: RemoteBank) -> None:
    ada = remote.customer()
    mine, other = ada.account(), ada.account()
    wide = bearer(remote, make(ada, scopes=["events:read"]))
    key = make(ada, scopes=["events:read"], account_ids=[mine["id"]])
    with listen(remote, wide) as everything, listen(remote, bearer(remote, key)) as stream:
        ada.deposit(other, 5)
        made = ada.deposit(mine, 7)
        assert stream.read_event(made["id"])["data"]["account_id"] == mine["id"]
        everything.read_event(made["id"])
        assert {event["data"].get("account_id", event["resource_id"]) for event in stream.events} == {mine["id"]}
        assert len(everything.events) > len(stream.events)
        ok(ada.delete(f"/api-keys/{key['id']}"), 204)
        ada.deposit(mine, 9)
        stream.read_to_end(30)
        assert [event["data"]["amount"] for event in stream.events if "amount" in event["data"]] == [7]
        assert "api_key" not in stream.text
    with listen(remote, bearer(remote, key)) as again:
        assert again.status == 401
    without = bearer(remote, make(ada, scopes=["accounts:read", "transactions:read", "webhooks:read"]))
    with listen(remote, without) as forbidden:
        assert forbidden.status == 403
        assert forbidden.read_until(lambda: "insufficient_scope" in forbidden.text)
    ends = {line.get("api_key_id") for line in remote.server.lines if line["message"] == "event stream ended"}
    assert key["id"] in ends


def _expiring_soon(caller: Caller) -> str:
    """Return the caller's access token with an expiry that the leeway of 5 seconds puts into the near future."""
    token = caller.tokens["access_token"]
    return signed(claims_of(token) | {"exp": int(time.time())}, key=SECRET)


def test_over_the_cap_503(fresh_app: Flask, tmp_path: Path) -> None:
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    with production(url, tmp_path, WEB_CONCURRENCY="1", EVENT_STREAM_CONNECTIONS="3") as server, ExitStack() as stack:
        bank = RemoteBank(fresh_app, server)
        ada = bank.customer()
        streams = [stack.enter_context(listen(bank, ada)) for _ in range(3)]
        assert [stream.status for stream in streams] == [200] * 3
        assert _status(bank, ada) == 503
        for path in ("/v1/events/stream", "/v1/events?after=1000&wait_seconds=20"):
            answer = exchange(
                server.address, request("GET", path, f"Authorization: Bearer {ada.tokens['access_token']}")
            )
            assert (answer.status, answer.problem["code"], answer.headers["Retry-After"]) == (503, "unavailable", "5")
        ok(ada.get("/accounts"))
        # A client that leaves makes room.
        streams.pop().close()
        until(lambda: _status(bank, ada) == 200)


def _status(bank: RemoteBank, caller: Caller) -> int:
    with listen(bank, caller) as stream:
        return stream.status


def test_a_stop_ends_the_streams_at_once(remote: RemoteBank) -> None:
    ada = remote.customer()
    with listen(remote, ada) as first, listen(remote, ada) as second:
        assert (first.status, second.status) == (200, 200)
        # Nothing is left to do for them.
        time.sleep(1.5)
        os.kill(remote.server.pid, signal.SIGTERM)
        for stream in (first, second):
            stream.read_to_end()
            # The last chunk came, so the client sees an end and no error.
            assert stream.raw.endswith(b"0\r\n\r\n")
        assert remote.server.wait() == 0
    assert not [line for line in remote.server.lines if line["level"] in ("error", "critical")]


def test_listeners_survive_an_outage_of_the_database(
    postgres: PostgresServer, postgres_url: str, bank_on: Callable[..., Bank], tmp_path: Path
) -> None:
    name = urlsplit(postgres_url).path.strip("/")
    app = bank_on(postgres_url).app
    with (
        production(postgres_url, tmp_path, WEB_CONCURRENCY="1") as server,
        psycopg.connect(postgres.url("postgres"), autocommit=True) as operator,
    ):
        bank = RemoteBank(app, server)
        ada = bank.customer()
        with listen(bank, ada) as stream, sequencer(app):
            stream.read_event(ada.account()["id"])
            operator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            operator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            until(lambda: any("new events cannot be read" in line["message"] for line in server.lines))
            # Longer than a heartbeat takes, which a worker sends without the database, too.
            length = len(stream.text)
            stream.read_until(lambda: ": \n" in stream.text[length:], 30)
            operator.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
            until(lambda: get(server, "/v1/health").status_code == 200)
            stream.read_event(ada.account()["id"])
            assert stream.events == ok(ada.get("/events?after=0"))["items"]


@pytest.mark.slow
def test_a_thousand_listeners_beside_normal_requests(fresh_app: Flask, tmp_path: Path) -> None:
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(4096, hard)), hard))
    with production(url, tmp_path) as server, ExitStack() as stack:
        bank = RemoteBank(fresh_app, server)
        ada = bank.customer()
        account = ada.account()
        number(fresh_app)
        alone = _seconds_for_reads(bank, ada)
        streams = [stack.enter_context(listen(bank, ada, "after=2")) for _ in range(1_000)]
        assert {stream.status for stream in streams} == {200}
        beside = _seconds_for_reads(bank, ada)
        assert beside / alone < 8, (beside, alone)
        made = ada.deposit(account, 5)
        number(fresh_app)
        for stream in streams:
            assert stream.read_event(made["id"], 30)["data"]["amount"] == 5
        # The first rounds fill pools and caches of the workers; the rounds after them must not grow.
        sizes = []
        for amount in range(1, 14):
            made = ada.deposit(account, amount)
            number(fresh_app)
            for stream in streams:
                stream.read_event(made["id"], 30)
            sizes.append(_memory_kib(server))
        # 10,000 events were delivered meanwhile: this finds a kilobyte that is kept for each.
        assert sizes[-1] - sizes[2] < 8 * 1024, sizes
        assert server.stop() == 0
        assert not [line for line in server.lines if line["level"] in ("error", "critical")]


def _seconds_for_reads(bank: RemoteBank, caller: Caller) -> float:
    began = time.monotonic()
    at_once([lambda: [ok(caller.get("/accounts")) for _ in range(40)] for _ in range(3)])
    return time.monotonic() - began


def _memory_kib(server: GunicornServer) -> int:
    """Return the anonymous memory of all workers."""
    return sum(
        int(line.split()[1])
        for worker in server.workers
        for line in Path(f"/proc/{worker}/status").read_text().splitlines()
        if line.startswith("RssAnon")
    )


def test_a_client_that_does_not_read_is_not_buffered(remote: RemoteBank) -> None:
    ada = remote.customer()
    account = ada.account()
    for _ in range(120):
        ada.move(account, 1, "deposit")
    number(remote.app)
    token = f"Authorization: Bearer {ada.tokens['access_token']}"
    with ExitStack() as stack:
        lazy = [stack.enter_context(connect(remote.server.address, SO_RCVBUF=4_096)) for _ in range(20)]
        for client in lazy:
            client.sendall(request("GET", "/v1/events/stream?after=0", token))
        time.sleep(1)
        before = _memory_kib(remote.server)
        for _ in range(60):
            ok(ada.move(account, 1, "deposit"), 201)
        assert _memory_kib(remote.server) - before < 4 * 1024
        os.kill(remote.server.pid, signal.SIGTERM)
        assert remote.server.wait() == 0


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")
def test_the_command_line_follows_a_stream(fresh_app: Flask, tmp_path: Path) -> None:
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    with production(url, tmp_path, WEB_CONCURRENCY="1") as server, sequencer(fresh_app):
        bank = RemoteBank(fresh_app, server)
        ada = bank.customer()
        account = ada.account()
        tail = subprocess.Popen(
            [sys.executable, "-m", "bankapp.client", "events", "tail", "--json", "--after", "0"],
            cwd=ROOT,
            env=os.environ
            | {"BANKAPP_URL": f"http://{server.address}", "XDG_CONFIG_HOME": str(tmp_path)}
            | {"BANKAPP_API_KEY": make(ada, scopes=["events:read"])["secret"]},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert tail.stdout is not None
        try:
            events = (json.loads(line) for line in tail.stdout)
            assert next(event for event in events if event["resource_id"] == account["id"])["type"] == "account.opened"
            made = ada.deposit(account, 5)
            assert next(event for event in events if event["resource_id"] == made["id"])["data"]["amount"] == 5
            tail.send_signal(signal.SIGINT)
            assert tail.wait(20) == 0
        finally:
            tail.kill()
            tail.communicate()
