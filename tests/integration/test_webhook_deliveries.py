"""Deliveries of webhooks: what is sent, when it is sent again, and when it is given up."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from flask import Flask

from bankapp import clock
from bankapp.extensions import db
from bankapp.outgoing.sender import Answer
from bankapp.services import webhook_deliveries, webhook_fan_out
from bankapp.services.webhook_outcomes import JITTER, PAUSES
from tests.support import clocks
from tests.support.factories import Bank, Caller, ok
from tests.support.servers import at_once
from tests.support.sinks import Message, Reply, Sink
from tests.support.streams import number, stream
from tests.support.webhooks import deliver, deliveries, endpoint, fan_out, read


@pytest.fixture
def bank(new_database: Callable[[], str], make_app: Callable[..., Flask]) -> Bank:
    """A bank on a new database, because each step of the worker serves all users."""
    return Bank(make_app(new_database(), WEBHOOKS_ALLOW_LOOPBACK="true"))


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as running:
        yield running


def only(caller: Caller, found: dict[str, Any]) -> dict[str, Any]:
    [delivery] = deliveries(caller, found)
    return delivery


def test_an_event_is_sent_signed_and_as_the_stream_shows_it(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url, event_types=["account.opened", "transaction.created"])
    account = ada.account()
    ada.deposit(account, 500)
    assert deliver(bank) == 2
    by_type = {message.document["type"]: message for message in sink.messages}
    assert set(by_type) == {"account.opened", "transaction.created"}
    listed = {item["id"]: item for item in stream(bank.app, ada)}
    for message in sink.messages:
        document = message.verify(made["secret"])
        assert document["data"] == listed[message.id]
        assert document["timestamp"] == listed[message.id]["created_at"]
        assert message.headers["content-type"] == "application/json"
        assert message.path == "/hook"
    [first, second] = deliveries(ada, made)
    assert {first["event_id"], second["event_id"]} == {message.id for message in sink.messages}
    assert (first["status"], first["status_code"], first["attempts"]) == ("delivered", 204, 1)
    assert first["latency_ms"] >= 0
    assert deliver(bank) == 0
    assert len(sink.messages) == 2


def test_every_kind_of_event_can_be_sent(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url)
    account, other = ada.account(balance=500), ada.account()
    card = ada.card(account)
    ada.hold(card, 10)
    ok(ada.transfer(account, other, 20), 201)
    bank.signed_in(ada.email)
    deliver(bank)
    listed = {item["id"]: item for item in stream(bank.app, ada)}
    for message in sink.messages:
        expected = listed[message.id]
        if expected["type"] == "session.created":
            expected["data"]["current"] = False
        assert message.verify(made["secret"])["data"] == expected
    assert {"card.issued", "authorization.created", "transfer.created", "session.created"} <= set(sink.types)


def test_each_user_gets_only_their_own_events(bank: Bank, ada: Caller, sink: Sink) -> None:
    endpoint(ada, sink.url)
    bob = bank.customer()
    bob.account(balance=5)
    ada.account()
    deliver(bank)
    assert {message.event["user_id"] for message in sink.messages} == {ada.user_id}


def test_events_before_the_subscription_are_not_sent(bank: Bank, ada: Caller, sink: Sink) -> None:
    ada.account()
    endpoint(ada, sink.url)
    deliver(bank)
    assert sink.types == []


def test_the_fan_out_takes_every_event_once(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url)
    ada.account(balance=5)
    assert fan_out(bank) > 0
    assert fan_out(bank) == 0
    assert len(deliveries(ada, made)) == 2


def test_fan_outs_at_once_in_small_steps_leave_nothing_out(bank: Bank, ada: Caller) -> None:
    made = endpoint(ada, "https://ada.example/", event_types=["account.opened"])
    opened = {ada.account()["id"] for _ in range(12)}
    number(bank.app)

    def run() -> int:
        with bank.app.app_context():
            return sum(iter(lambda: webhook_fan_out.fan_out(2), 0))

    in_stream = stream(bank.app, ada)
    assert sum(at_once([run] * 3)) == len(in_stream)
    found = {item["event_id"] for item in deliveries(ada, made)}
    assert found == {item["id"] for item in in_stream if item["resource_id"] in opened}


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        (Reply(500, body=b"broken \xff\x00"), "broken �\N{REPLACEMENT CHARACTER}"),
        (Reply(400, body=b"x" * 5000), "x" * 1024),
        (Reply(302, {"Location": "/elsewhere"}), ""),
        (Reply(304), ""),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Reply) else "",
)
def test_only_2xx_counts(bank: Bank, ada: Caller, sink: Sink, reply: Reply, kept: str) -> None:
    sink.answer = lambda _message: reply
    made = endpoint(ada, sink.url)
    ada.account()
    deliver(bank)
    delivery = only(ada, made)
    assert (delivery["status"], delivery["status_code"]) == ("failed", reply.status)
    assert delivery["answer"] == kept
    assert [message.path for message in sink.messages] == ["/hook"], "a redirect was followed"
    assert read(ada, made)["failing_since"] == delivery["attempted_at"]


def test_the_schedule_of_the_retries(bank: Bank, ada: Caller, sink: Sink) -> None:
    sink.answer = lambda _message: Reply(500)
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    ada.account()
    now = clock.now()
    pauses = []
    for attempt in range(1, 11):
        with clocks.at(now):
            assert deliver(bank) == 1, f"attempt {attempt}"
        delivery = only(bank.signed_in(ada.email), made)
        assert delivery["attempts"] == attempt
        due = clock.from_text(delivery["next_attempt_at"])
        if attempt < 10:
            assert delivery["status"] == "failed"
            with clocks.at(due - timedelta(milliseconds=1)):
                assert deliver(bank) == 0, "an attempt came too early"
            pauses.append(due - now)
            now = due
    assert (delivery["status"], delivery["finished_at"]) == ("dead", clock.to_text(now))
    for pause, expected in zip(pauses, PAUSES, strict=True):
        assert expected <= pause <= expected * (1 + JITTER)
    assert [round(pause.total_seconds()) for pause in PAUSES] == [
        *(5, 300, 1800, 2 * 3600, 5 * 3600, 10 * 3600, 14 * 3600, 20 * 3600, 24 * 3600)
    ]
    assert len({message.id for message in sink.messages}) == 1, "the id changed"
    timestamps = [int(message.headers["webhook-timestamp"]) for message in sink.messages]
    assert timestamps == sorted(set(timestamps)), "each attempt has its own time"
    with clocks.at(now + timedelta(days=30)):
        assert deliver(bank) == 0


def test_a_success_ends_the_retries(bank: Bank, ada: Caller, sink: Sink) -> None:
    sink.answer = lambda _message: Reply(500 if not sink.messages else 200, body=b"thanks")
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    ada.account()
    deliver(bank)
    with clocks.at(clock.now() + timedelta(seconds=6)):
        assert deliver(bank) == 1
        assert deliver(bank) == 0
    delivery = only(ada, made)
    assert (delivery["status"], delivery["attempts"], delivery["answer"]) == ("delivered", 2, "thanks")
    assert read(ada, made)["failing_since"] is None


def test_retry_after_is_honoured_for_the_whole_endpoint(bank: Bank, ada: Caller, sink: Sink) -> None:
    now = clock.now()
    in_an_hour = format_datetime(now + timedelta(hours=1), usegmt=True)
    replies = iter([Reply(429, {"Retry-After": "600"}), Reply(503, {"Retry-After": in_an_hour})])
    sink.answer = lambda _message: next(replies, Reply())
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    ada.account()
    deliver(bank)
    first = only(ada, made)
    due = clock.from_text(first["next_attempt_at"])
    assert timedelta(seconds=600) <= due - now <= timedelta(seconds=700)
    ada.account()
    with clocks.at(due - timedelta(seconds=1)):
        assert deliver(bank) == 0, "a new event was sent although the endpoint asked for a pause"
    with clocks.at(due):
        deliver(bank)
    pauses = [clock.from_text(item["next_attempt_at"]) - due for item in deliveries(ada, made)]
    assert max(pauses) > timedelta(minutes=40), "the date was ignored"


def test_retry_after_never_makes_a_retry_earlier_or_wait_for_ever(bank: Bank, ada: Caller, sink: Sink) -> None:
    replies = iter([Reply(503, {"Retry-After": "0"}), Reply(503, {"Retry-After": "9" * 30}), Reply(503)])
    sink.answer = lambda _message: next(replies)
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    ada.account()
    now = clock.now()
    deliver(bank)
    due = clock.from_text(only(ada, made)["next_attempt_at"])
    assert due - now >= timedelta(seconds=5)
    with clocks.at(due):
        deliver(bank)
    assert clock.from_text(only(ada, made)["next_attempt_at"]) - due == timedelta(hours=24)


def test_410_disables_the_endpoint(bank: Bank, ada: Caller, sink: Sink) -> None:
    sink.answer = lambda message: Reply(410) if message.path == "/hook" else Reply()
    gone = endpoint(ada, sink.url, event_types=["account.opened"])
    watcher = endpoint(ada, sink.url + "/watcher", event_types=["webhook_endpoint.disabled"])
    ada.account()
    deliver(bank)
    found = read(ada, gone)
    assert (found["status"], found["disabled_reason"]) == ("disabled", "gone")
    ada.account()
    with clocks.at(clock.now() + timedelta(days=1)):
        deliver(bank)
    hooks = [message for message in sink.messages if message.path == "/hook"]
    assert len(hooks) == 1, "a disabled endpoint got a message"
    [row] = ok(ada.get("/audit-logs?event_type=webhook_endpoint_disable"))["items"]
    assert (row["resource_id"], row["status"], row["metadata"]) == (gone["id"], "success", {"reason": "gone"})
    [event] = stream(bank.app, ada, "after=0&type=webhook_endpoint.disabled")
    assert event["data"] == found
    assert [message.event["data"] for message in sink.messages if message.path != "/hook"] == [found]
    assert len(deliveries(ada, watcher)) == 1


def test_an_endpoint_without_success_for_five_days_is_disabled(bank: Bank, ada: Caller, sink: Sink) -> None:
    sink.answer = lambda _message: Reply(500)
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    now = clock.now()
    ada.account()
    deliver(bank)
    for days, status in ((2, "active"), (4.99, "active"), (5.01, "disabled")):
        with clocks.at(now + timedelta(days=days)):
            ada = bank.signed_in(ada.email)
            ada.account()
            deliver(bank)
            assert read(ada, made)["status"] == status, days
            assert read(ada, made)["disabled_reason"] == ("failing" if status == "disabled" else None)
    ada = bank.signed_in(ada.email)
    assert len(ok(ada.get("/audit-logs?event_type=webhook_endpoint_disable"))["items"]) == 1


def test_one_success_starts_the_five_days_anew(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    now = clock.now()
    for days, status in ((0, 500), (4, 200), (4.5, 500), (9, 500)):
        sink.answer = lambda _message, status=status: Reply(status)  # type: ignore[misc]  # bound now
        with clocks.at(now + timedelta(days=days)):
            ada = bank.signed_in(ada.email)
            ada.account()
            deliver(bank)
            assert read(ada, made)["status"] == "active", days


def test_a_server_that_is_away_is_a_failure_with_its_reason(bank: Bank, ada: Caller) -> None:
    with Sink() as stopped:
        pass
    made = endpoint(ada, stopped.url, event_types=["account.opened"])
    ada.account()
    deliver(bank)
    delivery = only(ada, made)
    assert (delivery["status"], delivery["error"]) == ("failed", "connection_failed")
    assert delivery["status_code"] is delivery["answer"] is None


def test_events_of_an_account_wait_for_the_earlier_ones(bank: Bank, ada: Caller, sink: Sink) -> None:
    failing = {"on": True}
    held, free = ada.account(balance=5), ada.account(balance=5)
    sink.answer = lambda message: (
        Reply(500) if failing["on"] and message.event["data"]["account_id"] == held["id"] else Reply()
    )
    endpoint(ada, sink.url, event_types=["transaction.created"], ordering="account")
    for amount in range(1, 6):
        ada.deposit(held, amount)
        ada.deposit(free, amount)
    deliver(bank)

    def amounts(account: dict[str, Any]) -> list[int]:
        return [
            message.event["data"]["amount"]
            for message in sink.messages
            if message.event["data"]["account_id"] == account["id"]
        ]

    assert amounts(free) == [1, 2, 3, 4, 5], "another account waited"
    assert amounts(held) == [1], "a later event overtook a failed one"
    failing["on"] = False
    with clocks.at(clock.now() + timedelta(seconds=6)):
        deliver(bank)
    assert amounts(held) == [1, 1, 2, 3, 4, 5]


def test_a_dead_delivery_no_longer_holds_the_later_ones(bank: Bank, ada: Caller, sink: Sink) -> None:
    account = ada.account()
    made = endpoint(ada, sink.url, event_types=["transaction.created"], ordering="account")
    ada.deposit(account, 1)
    ada.deposit(account, 2)
    with bank.app.app_context():
        fan_out(bank)
    first = deliveries(ada, made)[0]
    sink.answer = lambda message: Reply(500 if message.event["data"]["amount"] == 1 else 204)
    now = clock.now()
    for _ in range(10):
        with clocks.at(now):
            deliver(bank)
        current = deliveries(bank.signed_in(ada.email), made)
        now = clock.from_text(next(item["next_attempt_at"] for item in current if item["id"] == first["id"]))
    assert [item["status"] for item in current] == ["dead", "delivered"]


def test_a_sink_that_fails_half_of_the_time_misses_nothing_and_keeps_the_order(
    bank: Bank, ada: Caller, sink: Sink
) -> None:
    accounts = [ada.account() for _ in range(3)]
    endpoint(ada, sink.url, event_types=["transaction.created"], ordering="account")
    count = {"requests": 0}

    def answer(_message: Message) -> Reply:
        with sink.lock:
            count["requests"] += 1
            return Reply(500 if count["requests"] % 2 else 200)

    sink.answer = answer
    for amount in range(1, 9):
        for account in accounts:
            ada.deposit(account, amount)
    now = clock.now()
    confirmed: dict[str, list[int]] = {account["id"]: [] for account in accounts}
    for _ in range(60):
        with clocks.at(now):
            if not deliver(bank) and not undelivered(bank):
                break
        now += timedelta(hours=1)
    for account in accounts:
        amounts = [m.event["data"]["amount"] for m in sink.messages if m.event["data"]["account_id"] == account["id"]]
        confirmed[account["id"]] = list(dict.fromkeys(amounts))
        assert amounts == sorted(amounts), "an event was sent before an earlier one was confirmed"
        assert confirmed[account["id"]] == [*range(1, 9)], "an event is missing"
    assert undelivered(bank) == 0


def undelivered(bank: Bank) -> int:
    with bank.app.app_context(), db.engine.connect() as connection:
        query = "SELECT count(*) FROM webhook_deliveries WHERE status <> 'delivered'"
        return int(connection.exec_driver_sql(query).scalar_one())


def test_a_slow_endpoint_does_not_hold_up_the_others(bank: Bank, ada: Caller) -> None:
    """All slots would be taken by the endpoint that came first, if an endpoint could have any number of them."""
    other_came = threading.Event()
    waited: list[bool] = []

    def send(message: Any) -> Answer:
        if message.url == "https://other.example/":
            other_came.set()
        else:
            waited.append(other_came.wait(20))
        return Answer(200)

    for name, count in (("slow", 40), ("other", 1)):
        endpoint(ada, f"https://{name}.example/", event_types=["account.opened"])
        for _ in range(count):
            ada.account()
    fan_out(bank)
    deliver(bank, send=send)
    assert len(waited) == 41
    assert all(waited)


def test_a_failure_ends_a_batch_and_what_was_not_sent_counts_no_attempt(bank: Bank, ada: Caller) -> None:
    made = endpoint(ada, "https://ada.example/", event_types=["account.opened"])
    for _ in range(10):
        ada.account()
    fan_out(bank)
    sent: list[str] = []
    begun = threading.Barrier(2)

    def send(message: Any) -> Answer:
        sent.append(message.headers["webhook-id"])
        if len(sent) <= 2:
            # Both batches have begun, so that neither finds the other one stopped.
            begun.wait(20)
        return Answer(503, retry_after="60") if len(sent) <= 2 else Answer(200)

    with bank.app.app_context():
        assert webhook_deliveries.deliver(send) == 2
    found = deliveries(ada, made)
    assert Counter((item["status"], item["attempts"]) for item in found) == {("failed", 1): 2, ("pending", 0): 8}
    with clocks.at(clock.now() + timedelta(seconds=61)), bank.app.app_context():
        assert webhook_deliveries.deliver(send) == 10
    assert {item["status"] for item in deliveries(bank.signed_in(ada.email), made)} == {"delivered"}
    assert len(sent) == 12


def test_a_slow_endpoint_gives_the_rest_of_its_batch_back(
    bank: Bank, ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = endpoint(ada, "https://ada.example/", event_types=["account.opened"])
    for _ in range(4):
        ada.account()
    fan_out(bank)
    # Each batch has two deliveries, and time for one.
    monkeypatch.setattr(webhook_deliveries, "BATCH_SECONDS", 0.0)
    sent: list[str] = []

    def send(message: Any) -> Answer:
        sent.append(message.headers["webhook-id"])
        return Answer(200)

    with bank.app.app_context():
        assert webhook_deliveries.deliver(send) == 4
    assert len(set(sent)) == 4
    assert {(item["status"], item["attempts"]) for item in deliveries(ada, made)} == {("delivered", 1)}


def test_the_purge_deletes_old_deliveries(bank: Bank, ada: Caller, sink: Sink) -> None:
    with clocks.at(clocks.ago(days=91)):
        early = bank.customer()
        made = endpoint(early, sink.url, event_types=["account.opened"])
        early.account()
        deliver(bank)
    early = bank.signed_in(early.email)
    early.account()
    deliver(bank)
    assert len(deliveries(early, made)) == 2
    result = bank.app.test_cli_runner().invoke(args=["webhooks", "purge"])
    assert result.output == "1 deliveries deleted\n"
    assert len(deliveries(early, made)) == 1


def test_the_command_sends_everything_that_is_due(bank: Bank, ada: Caller, sink: Sink) -> None:
    endpoint(ada, sink.url, event_types=["account.opened"])
    ada.account()
    result = bank.app.test_cli_runner().invoke(args=["webhooks", "deliver"])
    assert result.exit_code == 0, result.output
    assert result.output.endswith("1 attempts made\n")
    assert sink.types == ["account.opened"]
