"""A server that is told to stop while clients go on: each connection it took gets its answer."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest
from flask import Flask

from tests.faults.production import production
from tests.support.factories import Caller
from tests.support.raw_http import connect, parsed, read_all, request
from tests.support.servers import GunicornServer, RemoteBank

CLIENTS = 8
ROUNDS = 2


@pytest.mark.parametrize("threads", ["1", "4"])
def test_no_connection_is_reset_and_no_answer_lost(fresh_app: Flask, threads: str, tmp_path: Path) -> None:
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    server = production(url, tmp_path, WEB_THREADS=threads).start()
    bank = RemoteBank(fresh_app, server)
    people = [(ada := bank.customer(), ada.account()) for _ in range(CLIENTS)]
    outcomes: Counter[str] = Counter()
    for number in range(ROUNDS):
        if number:
            server.start()
        clients = [Thread(target=_pay_in_until_refused, args=(server, *one, outcomes)) for one in people]
        for client in clients:
            client.start()
        time.sleep(1)
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait() == 0
        for client in clients:
            client.join()
    assert outcomes.keys() == {"201", "refused"}, outcomes
    assert outcomes["refused"] == CLIENTS * ROUNDS
    with server:
        assert sum(ada.balance(account) for ada, account in people) == outcomes["201"]


def _pay_in_until_refused(server: GunicornServer, ada: Caller, account: dict[str, str], seen: Counter[str]) -> None:
    body = f'{{"account_id": "{account["id"]}", "type": "deposit", "amount": 1, "currency": "EUR"}}'.encode()
    assert ada.tokens
    fields = [f"Authorization: Bearer {ada.tokens['access_token']}", "Content-Type: application/json"]
    data = request("POST", "/v1/transactions", *fields, f"Content-Length: {len(body)}", "Connection: close", body=body)
    while True:
        outcome = _outcome(server.address, data)
        seen[outcome] += 1
        if outcome == "refused":
            return


def _outcome(address: str, data: bytes) -> str:
    try:
        connection = connect(address)
    except OSError:
        return "refused"
    with connection:
        try:
            connection.sendall(data)
            received = read_all(connection)
        except OSError as problem:
            return type(problem).__name__
    return str(parsed(received).status) if received else "closed without an answer"


def test_a_request_that_is_on_its_way(new_database: Callable[[], str], tmp_path: Path) -> None:
    server = production(new_database(), tmp_path, WEB_CONCURRENCY="1").start()
    data = request("GET", "/v1/health/live", "Connection: close")
    with connect(server.address) as idle, connect(server.address) as begun, connect(server.address) as abandoned:
        begun.sendall(data[:20])
        abandoned.sendall(data[:20])
        time.sleep(0.3)
        os.kill(server.pid, signal.SIGTERM)
        time.sleep(0.3)
        for client, rest in ((begun, data[20:]), (idle, data)):
            client.sendall(rest)
            assert parsed(read_all(client)).status == 200
        answer = parsed(read_all(abandoned))
        assert (answer.status, answer.problem["code"], answer.headers["Retry-After"]) == (503, "unavailable", "1")
        abandoned.shutdown(socket.SHUT_WR)
    assert server.wait() == 0
