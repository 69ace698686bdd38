"""Webhook endpoints: making, changing and deleting them, their secrets, tests and replays."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask
from standardwebhooks.webhooks import WebhookVerificationError

from bankapp import clock
from bankapp.extensions import db
from bankapp.services import webhook_replays
from bankapp.services.webhook_endpoints import MAX_ENDPOINTS
from tests.support import clocks
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.sinks import Reply, Sink
from tests.support.streams import number, stream
from tests.support.webhooks import deliver, deliveries, endpoint, read

URL = "https://ada.example/bank-events"


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


def audited(caller: Caller, event_type: str) -> list[tuple[str, str]]:
    rows = ok(caller.get(f"/audit-logs?event_type={event_type}"))["items"]
    return [(row["resource_id"], row["status"]) for row in rows]


def test_an_endpoint_is_made_read_listed_changed_and_deleted(ada: Caller) -> None:
    made = endpoint(ada, URL, event_types=["card.issued"], description="Bookkeeping", ordering="account")
    assert made.pop("secret").startswith("whsec_")
    expected = {"url": URL, "event_types": ["card.issued"], "description": "Bookkeeping", "status": "active"}
    assert expected.items() <= made.items()
    assert read(ada, made) == made
    plain = endpoint(ada, URL)
    assert (plain["event_types"], plain["ordering"]) == (None, "none")
    assert [item["id"] for item in ok(ada.get("/webhook-endpoints"))["items"]] == [plain["id"], made["id"]]
    path = f"/webhook-endpoints/{made['id']}"
    changed = ok(ada.patch(path, {"url": f"{URL}/2", "event_types": None, "ordering": "none"}))
    assert changed == made | {"url": f"{URL}/2", "event_types": None, "ordering": "none"}
    ok(ada.delete(path), 204)
    refused(ada.get(path), 404, "not_found")
    assert audited(ada, "webhook_endpoint_change") == [(made["id"], "success")]
    assert audited(ada, "webhook_endpoint_delete") == [(made["id"], "success")]
    assert audited(ada, "webhook_endpoint_create") == [(plain["id"], "success"), (made["id"], "success")]


def test_an_endpoint_with_deliveries_is_deleted(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url)
    ada.account()
    deliver(bank)
    ok(ada.delete(f"/webhook-endpoints/{made['id']}"), 204)
    ada.account()
    assert deliver(bank) == 0


@pytest.mark.parametrize(
    "url", ["http://ada.example/", "https://10.0.0.1/", "https://a@ada.example/", "https://localhost:1/"]
)
def test_a_url_inside_of_a_network_is_refused(ada: Caller, url: str) -> None:
    assert list(refused(ada.post("/webhook-endpoints", {"url": url}), 422, "validation_error")["errors"]) == ["url"]
    made = endpoint(ada, URL)
    refused(ada.patch(f"/webhook-endpoints/{made['id']}", {"url": url}), 422, "validation_error")
    assert read(ada, made)["url"] == URL


def test_without_the_setting_the_machine_itself_is_refused(fresh_bank: Bank, sink: Sink) -> None:
    body = {"url": sink.url}
    refused(fresh_bank.customer().post("/webhook-endpoints", body), 422, "validation_error")
    refused(fresh_bank.customer().post("/webhook-endpoints", {"url": "https://127.0.0.1/"}), 422, "validation_error")


@pytest.mark.parametrize("types", [[], ["no.such_type"], ["card.issued", "card.issued"]])
def test_event_types_are_known_and_named_once(ada: Caller, types: list[str]) -> None:
    refused(ada.post("/webhook-endpoints", {"url": URL, "event_types": types}), 422, "validation_error")


def test_the_number_of_endpoints_is_limited(ada: Caller) -> None:
    for _ in range(MAX_ENDPOINTS):
        endpoint(ada, URL)
    refused(ada.post("/webhook-endpoints", {"url": URL}), 422, "limit_exceeded")


def test_a_secret_is_shown_once_and_stored_encrypted(bank: Bank, ada: Caller) -> None:
    first = ada.post("/webhook-endpoints", {"url": URL}, key="once")
    secret = ok(first, 201)["secret"]
    again = ada.post("/webhook-endpoints", {"url": URL}, key="once")
    assert ok(again, 201) == first.get_json() | {"secret": None}
    assert "secret" not in read(ada, first.get_json())
    with bank.app.app_context(), db.engine.connect() as connection:
        for table in ("webhook_endpoints", "idempotency_keys", "audit_logs", "events"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert secret not in str(rows)
            assert secret.removeprefix("whsec_") not in str(rows)


def test_a_rotation_overlaps(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    path = f"/webhook-endpoints/{made['id']}/rotate-secret"
    answer = ada.post(path, key="rotate")
    rotated = ok(answer)
    assert ok(ada.post(path, key="rotate"))["secret"] is None
    ends = clock.from_text(rotated["previous_secret_expires_at"])
    assert timedelta(hours=23) < ends - clock.now() <= timedelta(hours=24)
    ada.account()
    deliver(bank)
    for secret in (rotated["secret"], made["secret"]):
        sink.messages[0].verify(secret)
    assert len(sink.messages[0].headers["webhook-signature"].split()) == 2
    ada.account()
    # The verifier's clock runs on, so the times of the message are not checked by it.
    with clocks.at(ends):
        deliver(bank)
    assert len(sink.messages[1].headers["webhook-signature"].split()) == 1
    assert audited(ada, "webhook_endpoint_rotate") == [(made["id"], "success")]


def test_a_second_rotation_ends_the_oldest_secret(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    second, third = (ok(ada.post(f"/webhook-endpoints/{made['id']}/rotate-secret")) for _ in range(2))
    ada.account()
    deliver(bank)
    for rotated in (second, third):
        sink.messages[0].verify(rotated["secret"])
    with pytest.raises(WebhookVerificationError):
        sink.messages[0].verify(made["secret"])


def test_an_older_secret_key_still_signs_and_the_secret_is_encrypted_anew(
    new_database: Callable[[], str], make_app: Callable[..., Flask], sink: Sink
) -> None:
    old, new = "an-older-secret-key-of-the-application", "a-newer-secret-key-of-the-application!"
    database, allow = new_database(), {"WEBHOOKS_ALLOW_LOOPBACK": "true"}
    ada = Bank(make_app(database, SECRET_KEY=old, **allow)).customer()
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    for secret_key in (f"{new},{old}", new):
        bank = Bank(make_app(database, SECRET_KEY=secret_key, **allow))
        bank.signed_in(ada.email).account()
        deliver(bank)
        sink.messages[-1].verify(made["secret"])
    assert len(sink.messages) == 2
    bank = Bank(make_app(database, SECRET_KEY=old, **allow))
    ada = bank.signed_in(ada.email)
    ada.account()
    deliver(bank)
    assert deliveries(ada, made)[-1]["error"] == "secret_unavailable"


def test_a_test_is_sent_once(bank: Bank, ada: Caller, sink: Sink) -> None:
    sink.answer = lambda _message: Reply(500, body=b"not yet")
    made = endpoint(ada, sink.url, event_types=["card.issued"])
    path = f"/webhook-endpoints/{made['id']}/test"
    first = ok(ada.post(path, key="test"), 202)
    assert ok(ada.post(path, key="test"), 202) == first
    assert (first["status"], first["position"]) == ("pending", None)
    deliver(bank)
    with clocks.at(clock.now() + timedelta(days=1)):
        assert deliver(bank) == 0
    [message] = sink.messages
    assert message.verify(made["secret"])["type"] == "webhook_endpoint.test"
    assert message.id == first["id"]
    [found] = deliveries(ada, made)
    assert (found["status"], found["status_code"], found["answer"]) == ("dead", 500, "not yet")
    assert audited(ada, "webhook_endpoint_test") == [(made["id"], "success")]


def test_a_disabled_endpoint_gets_nothing_until_it_is_active_again(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    path = f"/webhook-endpoints/{made['id']}"
    ada.account()
    number(bank.app)
    disabled = ok(ada.patch(path, {"status": "disabled"}))
    assert (disabled["status"], disabled["disabled_reason"]) == ("disabled", "requested")
    [event] = stream(bank.app, ada, "after=0&type=webhook_endpoint.disabled")
    assert event["data"] == disabled
    assert deliver(bank) == 0
    refused(ada.post(f"{path}/test"), 409, "state_conflict")
    refused(ada.post(f"{path}/replay", {"from_position": 1}), 409, "state_conflict")
    active = ok(ada.patch(path, {"status": "active"}))
    assert (active["status"], active["disabled_reason"], active["disabled_at"]) == ("active", None, None)
    ada.account()
    assert deliver(bank) == 1


def test_a_replay_sends_events_that_are_older_than_the_endpoint(bank: Bank, ada: Caller, sink: Sink) -> None:
    account = ada.account(balance=5)
    ada.deposit(account, 6)
    older = [item for item in stream(bank.app, ada) if item["type"] == "transaction.created"]
    made = endpoint(ada, sink.url, event_types=["transaction.created"])
    path = f"/webhook-endpoints/{made['id']}/replay"
    result = ok(ada.post(path, {"from_position": 1}, key="replay"), 202)
    assert result == {"deliveries": 2, "last_position": older[-1]["position"], "has_more": False}
    assert ok(ada.post(path, {"from_position": 1}, key="replay"), 202) == result
    deliver(bank)
    sent = [message.verify(made["secret"])["data"] for message in sink.messages]
    assert sorted(sent, key=lambda item: item["position"]) == older
    one = {"from_position": older[0]["position"], "to_position": older[0]["position"]}
    assert ok(ada.post(path, one), 202)["deliveries"] == 1
    deliver(bank)
    assert sink.messages[-1].id == older[0]["id"]
    assert len(sink.messages) == 3
    assert len(audited(ada, "webhook_endpoint_replay")) == 2


def test_a_replay_takes_the_types_that_the_endpoint_wants(bank: Bank, ada: Caller, sink: Sink) -> None:
    ada.account(balance=5)
    number(bank.app)
    made = endpoint(ada, sink.url, event_types=["transaction.created", "account.opened"])
    path = f"/webhook-endpoints/{made['id']}/replay"
    refused(ada.post(path, {"from_position": 1, "types": ["card.issued"]}), 422, "validation_error")
    assert ok(ada.post(path, {"from_position": 1, "types": ["account.opened"]}), 202)["deliveries"] == 1
    deliver(bank)
    assert sink.types == ["account.opened"]


def test_a_replay_of_failures_leaves_out_what_was_delivered(bank: Bank, ada: Caller, sink: Sink) -> None:
    ada.account()
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    good, bad = ada.account(), ada.account()
    sink.answer = lambda message: Reply(500 if message.event["resource_id"] == bad["id"] else 204)
    deliver(bank)
    sink.answer = lambda _message: Reply()
    sent = len(sink.messages)
    body = {"from_position": 1, "only_failed": True}
    assert ok(ada.post(f"/webhook-endpoints/{made['id']}/replay", body), 202)["deliveries"] == 1
    deliver(bank)
    assert [message.event["resource_id"] for message in sink.messages[sent:]] == [bad["id"]]
    assert good["id"] in {message.event["resource_id"] for message in sink.messages[:sent]}
    [_, renewed] = deliveries(ada, made)
    assert (renewed["status"], renewed["attempts"]) == ("delivered", 1)


def test_a_long_replay_goes_on_where_it_ended(
    bank: Bank, ada: Caller, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook_replays, "AT_ONCE", 2)
    for _ in range(5):
        ada.account()
    number(bank.app)
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    start, parts = 1, []
    while True:
        part = ok(ada.post(f"/webhook-endpoints/{made['id']}/replay", {"from_position": start}), 202)
        parts.append(part["deliveries"])
        start = part["last_position"] + 1
        if not part["has_more"]:
            break
    assert parts == [2, 2, 1]


def test_a_replay_of_expired_events_is_refused(bank: Bank, sink: Sink) -> None:
    with clocks.at(clocks.ago(days=100)):
        ada = bank.customer()
        ada.account()
    ada = bank.signed_in(ada.email)
    number(bank.app)
    made = endpoint(ada, sink.url)
    refused(ada.post(f"/webhook-endpoints/{made['id']}/replay", {"from_position": 1}), 410, "events_expired")


def test_deliveries_are_listed_by_status_in_pages(bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url, event_types=["account.opened"])
    for _ in range(3):
        ada.account()
    deliver(bank)
    path = f"/webhook-endpoints/{made['id']}/deliveries"
    first = ok(ada.get(f"{path}?limit=2&status=delivered"))
    rest = ok(ada.get(f"{path}?limit=2&status=delivered&cursor={first['next_cursor']}"))
    assert (len(first["items"]), len(rest["items"]), rest["next_cursor"]) == (2, 1, None)
    assert ok(ada.get(f"{path}?status=failed"))["items"] == []
    refused(bank.customer().get(path), 404, "not_found")
