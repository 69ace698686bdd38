"""Webhooks when a deliverer is killed, and when several deliver at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from bankapp import clock
from bankapp.services import webhook_deliveries
from tests.support import clocks
from tests.support.databases import SECRET
from tests.support.factories import Bank, Caller
from tests.support.servers import ROOT, at_once, until
from tests.support.sinks import Message, Reply, Sink
from tests.support.webhooks import deliver, deliveries, endpoint, fan_out


@pytest.fixture
def bank(new_database: Callable[[], str], make_app: Callable[..., Flask]) -> Bank:
    return Bank(make_app(new_database(), WEBHOOKS_ALLOW_LOOPBACK="true", WEB_THREADS="8"))


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def start_deliverer(bank: Bank) -> subprocess.Popen[bytes]:
    url = bank.app.config["BANKAPP"].database_url
    env = {
        "PATH": os.environ["PATH"],
        "BANKAPP_ENV": "testing",
        "DATABASE_URL": url.replace("postgresql+psycopg://", "postgresql://"),
        "JWT_SECRET": SECRET,
        "WEBHOOKS_ALLOW_LOOPBACK": "true",
    }
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "webhooks", "deliver"]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_a_killed_deliverer_loses_nothing(bank: Bank, ada: Caller, sink: Sink) -> None:
    """It is killed while the receiver holds its messages; afterwards another one sends every event, in order."""
    account = ada.account()
    made = endpoint(ada, sink.url, event_types=["transaction.created"], ordering="account")
    for amount in range(1, 9):
        ada.deposit(account, amount)
    fan_out(bank)
    arrived: list[str] = []
    killed: list[bool] = []

    def answer(message: Message) -> Reply:
        arrived.append(message.id)
        if len(arrived) == 4:
            until(lambda: bool(killed), 30)
        return Reply()

    sink.answer = answer
    process = start_deliverer(bank)
    try:
        until(lambda: len(arrived) == 4, 60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed.append(True)
    counted = Counter(item["status"] for item in deliveries(ada, made))
    assert counted == {"delivered": 3, "pending": 5}
    assert deliver(bank) == 0, "the lease of the killed process still holds"
    with clocks.at(clock.now() + webhook_deliveries.LEASE + timedelta(seconds=1)):
        deliver(bank)
    assert {item["status"] for item in deliveries(ada, made)} == {"delivered"}
    until(lambda: len(sink.messages) == 9)
    amounts = sorted(message.event["data"]["amount"] for message in sink.messages)
    assert amounts == [1, 2, 3, 4, 4, 5, 6, 7, 8], "the fourth was sent twice, and nothing else"


def test_two_deliverers_do_not_send_the_same_delivery_at_the_same_time(bank: Bank, ada: Caller, sink: Sink) -> None:
    account = ada.account()
    for name in ("first", "second"):
        endpoint(ada, f"{sink.url}/{name}", event_types=["transaction.created"])
    for amount in range(1, 13):
        ada.deposit(account, amount)
    fan_out(bank)

    def answer(_message: Message) -> Reply:
        time.sleep(0.02)
        return Reply()

    sink.answer = answer

    def run() -> int:
        with bank.app.app_context():
            return sum(iter(webhook_deliveries.deliver, 0))

    done = at_once([run, run])
    sent = Counter((message.path, message.id) for message in sink.messages)
    assert set(sent.values()) == {1}
    assert len(sent) == sum(done) == 24
    for path in ("/hook/first", "/hook/second"):
        assert overlap(sink, path) <= webhook_deliveries.FOR_ONE_ENDPOINT


def overlap(sink: Sink, path: str) -> int:
    """Return how many requests to a path ran at the same time at most."""
    edges = [
        edge for message in sink.messages if message.path == path for edge in ((message.began, 1), (message.ended, -1))
    ]
    running = most = 0
    for _, change in sorted(edges):
        running += change
        most = max(most, running)
    return most


def test_an_outcome_that_comes_after_the_lease_changes_nothing(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    ada.account()
    fan_out(bank)
    now = clock.now()

    def slow(message: Any) -> Any:
        with clocks.at(now + webhook_deliveries.LEASE + timedelta(seconds=1)):
            deliver(bank)
        return webhook_deliveries.Answer(error="timeout")

    with bank.app.app_context():
        webhook_deliveries.deliver(slow)
    [found] = deliveries(ada, made)
    assert (found["status"], found["attempts"], found["error"]) == ("delivered", 2, None)
