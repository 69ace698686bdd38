"""Clients that connect and wait, send byte by byte or do not read do not delay other clients."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask

from tests.faults.production import get, production
from tests.support.factories import Caller, ok
from tests.support.raw_http import connect, read_all, read_answer, request
from tests.support.servers import RemoteBank, at_once, until
from tests.support.slow_clients import HEAD, slow_clients


def test_as_many_idle_connections_as_workers(new_database: Callable[[], str], tmp_path: Path) -> None:
    with production(new_database(), tmp_path) as server, connect(server.address), connect(server.address):
        time.sleep(0.5)
        began = time.monotonic()
        for _ in range(10):
            assert get(server, "/v1/health/live").status_code == 200
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("threads", ["1", "4"])
def test_500_slow_clients_beside_normal_load(
    fresh_app: Flask, threads: str, new_database: Callable[[], str], tmp_path: Path
) -> None:
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    with production(url, tmp_path, WEB_THREADS=threads) as server:
        bank = RemoteBank(fresh_app, server)
        people = [(ada := bank.customer(), ada.account()) for _ in range(4)]
        with slow_clients(server, 500):
            longest = max(at_once([lambda ada=ada, account=account: _pay_in(ada, account) for ada, account in people]))
        assert longest < 5
        for ada, account in people:
            assert ada.balance(account) == 20
        # Who was slow has broken nothing, and is gone when the server stops.
        assert server.stop() == 0
        assert not [line for line in server.lines if line["level"] in ("error", "critical")]


def _pay_in(ada: Caller, account: dict[str, str]) -> float:
    longest = 0.0
    for _ in range(20):
        began = time.monotonic()
        ok(ada.move(account, 1, "deposit"), 201)
        longest = max(longest, time.monotonic() - began)
    return longest


def test_a_client_that_does_not_read(sqlite_url: str, tmp_path: Path) -> None:
    with production(sqlite_url, tmp_path, WEB_CONCURRENCY="1", DOCS_ENABLED="true") as server, ExitStack() as stack:
        size = len(get(server, "/openapi.json").data)
        clients = [stack.enter_context(connect(server.address, SO_RCVBUF=16_384)) for _ in range(4)]
        for client in clients:
            client.sendall(request("GET", "/openapi.json") * 20)
        time.sleep(0.5)
        assert get(server, "/v1/health/live").status_code == 200
        assert len(read_answer(clients[-1]).body) == size


def test_the_oldest_wait_no_longer_where_there_is_no_room(sqlite_url: str, tmp_path: Path) -> None:
    few = {"WEB_CONCURRENCY": "1", "GUNICORN_CMD_ARGS": "--worker-connections 10"}
    with production(sqlite_url, tmp_path, **few) as server, ExitStack() as stack:
        idle = [stack.enter_context(connect(server.address)) for _ in range(30)]
        assert get(server, "/v1/health/live").status_code == 200
        assert idle[0].recv(1) == b""
        idle[-1].sendall(request("GET", "/v1/health/live"))
        assert read_answer(idle[-1]).status == 200
        until(lambda: any("to make room" in line["message"] for line in server.lines))


@pytest.mark.slow
def test_a_request_that_does_not_arrive_in_time(sqlite_url: str, tmp_path: Path) -> None:
    with (
        production(sqlite_url, tmp_path, WEB_CONCURRENCY="1") as server,
        connect(server.address) as idle,
        connect(server.address) as started,
    ):
        started.sendall(HEAD[:100])
        for client in (idle, started):
            client.settimeout(40)
        answer = read_answer(started)
        assert (answer.status, answer.problem["code"]) == (408, "malformed_request")
        assert read_all(idle) == b""


def test_a_killed_worker_is_not_blamed_on_memory(sqlite_url: str, tmp_path: Path) -> None:
    with production(sqlite_url, tmp_path) as server:
        server.kill_workers()
        until(lambda: any("was sent SIGKILL" in line["message"] for line in server.lines))
        assert "memory" not in server.log.read_text()
