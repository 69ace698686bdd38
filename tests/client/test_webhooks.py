"""Webhooks on the command line: endpoints, a receiver on this machine, and the check of signatures."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import jsonschema_rs
import pytest
from flask import Flask

from bankapp.client import example_events, webhooks
from bankapp.client.webhooks import SignatureRefused
from bankapp.models.event import TYPES
from bankapp.outgoing.sender import Answer
from bankapp.services.webhook_endpoints import TEST
from tests.client.conftest import ROOT, Person
from tests.support.factories import Bank
from tests.support.sinks import Message, Reply, Sink
from tests.support.streams import number
from tests.support.webhooks import deliver

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD8U3kk0YGRnU="
WITH_SECRET = {"BANKAPP_WEBHOOK_SECRET": SECRET}
URL = "https://ada.example/bank-events"


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as sink:
        yield sink


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_listen_forwards_events_as_the_bank_sends_them(person: Person, app: Flask, sink: Sink) -> None:
    person.account(balance="1")
    number(app)
    listen = ("webhooks", "listen", "--forward-to", sink.url, "--after", "0", "--count", "3", "--json")
    secret, *shown = lines(person.run(*listen).stdout)
    events = lines(person.run("events", "tail", "--after", "0", "--count", "3", "--json").stdout)
    for message, event, line in zip(sink.messages, events, shown, strict=True):
        assert message.verify(secret["secret"]) == {
            "type": event["type"],
            "timestamp": event["created_at"],
            "data": event,
        }
        assert message.id == event["id"] == line["webhook_id"]
        assert (line["type"], line["position"], line["status_code"]) == (event["type"], event["position"], 204)


def test_listen_tells_failures_and_goes_on(person: Person, app: Flask, sink: Sink) -> None:
    person.account(balance="1")
    number(app)
    replies = [Reply(500), Reply(302, {"Location": "http://127.0.0.1:1/"}), Reply(200)]
    sink.answer = lambda _message: replies.pop(0)
    listen = ("webhooks", "listen", "--forward-to", sink.url, "--after", "0", "--count", "3")
    shown = person.run(*listen, **WITH_SECRET).stdout
    assert [line.split("  ")[2] for line in shown.splitlines()] == ["500", "302", "200"]
    # The secret was given, so it is not printed.
    assert "whsec_" not in shown
    assert sink.messages[0].verify(SECRET)
    closed = person.run(
        "webhooks", "listen", "--forward-to", "http://127.0.0.1:1/", "--after", "0", "--count", "1", **WITH_SECRET
    )
    assert "no answer" in closed.stdout


@pytest.mark.parametrize(
    "receiver",
    [
        "http://192.168.0.7/hook",
        "https://ada.example/hook",
        "http://localhost.ada.example/hook",
        "http://127.0.0.1@ada.example/hook",
        "http://127.1/hook",
        "ftp://127.0.0.1/hook",
        "127.0.0.1:8080",
    ],
)
def test_only_this_machine_is_a_receiver(stranger: Person, receiver: str) -> None:
    stranger.run("webhooks", "trigger", "account.opened", "--forward-to", receiver, code=2)


def test_trigger_sends_an_example_of_every_type_without_a_bank(stranger: Person, sink: Sink) -> None:
    stranger.url = "http://127.0.0.1:1"
    components = json.loads((ROOT / "docs" / "openapi.json").read_text())["components"]
    event = jsonschema_rs.Draft202012Validator({"$ref": "#/components/schemas/Event", "components": components})
    assert set(example_events.TYPES) == set(TYPES)
    for type in TYPES:
        stranger.run("webhooks", "trigger", type, "--forward-to", sink.url, **WITH_SECRET)
        found = sink.messages[-1].verify(SECRET)
        assert found["type"] == found["data"]["type"] == type
        event.validate(found["data"])
    assert len({message.id for message in sink.messages}) == len(TYPES)
    assert example_events.TEST == TEST
    stranger.run("webhooks", "trigger", TEST, "--forward-to", sink.url, **WITH_SECRET)
    assert set(sink.messages[-1].verify(SECRET)["data"]) == {"webhook_endpoint_id"}
    sink.answer = lambda _message: Reply(401)
    refused = stranger.problem("webhooks", "trigger", TEST, "--forward-to", sink.url, code=1, **WITH_SECRET)
    assert refused["code"] == "not_confirmed"


def test_a_secret_that_is_none_is_a_usage_error(stranger: Person, sink: Sink) -> None:
    for wrong in ("secret", "whsec_", "whsec_###"):
        stranger.run(
            "webhooks", "trigger", "account.opened", "--forward-to", sink.url, code=2, BANKAPP_WEBHOOK_SECRET=wrong
        )
    assert not sink.messages


def test_the_function_of_the_client_verifies_messages_of_the_bank(person: Person, app: Flask, sink: Sink) -> None:
    added = person.json("webhooks", "add", URL)
    rotated = person.json("webhooks", "rotate", added["id"])
    sent: list[Message] = []

    def receive(message: Any) -> Answer:
        headers = {name.lower(): value for name, value in message.headers.items()}
        sent.append(Message("/", headers, message.body, 0, 0))
        return Answer(204)

    person.account()
    deliver(Bank(app), send=receive)
    [message] = [one for one in sent if one.document["type"] == "account.opened"]
    for secret in (added["secret"], rotated["secret"]):
        webhooks.verify(message.headers, message.body, secret)
    refused = [
        (message.headers, message.body.replace(b"EUR", b"USD"), added["secret"], None),
        (message.headers, message.body, SECRET, None),
        (message.headers, message.body, added["secret"], time.time() + 301),
        (message.headers, message.body, added["secret"], time.time() - 301),
        ({**message.headers, "webhook-id": "other"}, message.body, added["secret"], None),
        ({**message.headers, "webhook-timestamp": "soon"}, message.body, added["secret"], None),
        ({**message.headers, "webhook-signature": "v1,é"}, message.body, added["secret"], None),
        ({}, message.body, added["secret"], None),
    ]
    for headers, body, secret, now in refused:
        with pytest.raises(SignatureRefused):
            webhooks.verify(headers, body, secret, now)


def test_verify_tells_whether_a_message_is_genuine(stranger: Person) -> None:
    timestamp = str(int(time.time()))
    body = '{"type":"account.opened"}'
    signature = webhooks.signature("m1", timestamp, body.encode(), SECRET)
    arguments = ("webhooks", "verify", "-", "--id", "m1", "--timestamp", timestamp, "--signature")
    assert stranger.json(*arguments, signature, input=body, **WITH_SECRET) == {"genuine": True}
    altered = stranger.problem(*arguments, signature, input=body + " ", code=1, **WITH_SECRET)
    assert altered["code"] == "signature_refused"
    assert SECRET not in json.dumps(altered)
    stranger.run(*arguments, signature, input=body, code=2)


def test_endpoints_are_added_listed_tested_and_removed(
    person: Person, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    added = person.run("webhooks", "add", URL, "--type", "account.opened", "--ordering", "account")
    assert "whsec_" in added.stdout
    assert "not shown again" in added.stderr
    [endpoint] = person.json("webhooks", "list")["items"]
    assert (endpoint["url"], endpoint["event_types"], endpoint["ordering"]) == (URL, ["account.opened"], "account")
    assert "whsec_" not in person.run("webhooks", "list").stdout
    answers = [Answer(204), Answer(500)]
    bank = Bank(app)
    steps = SimpleNamespace(
        monotonic=time.monotonic, sleep=lambda _: deliver(bank, send=lambda _message: answers.pop(0))
    )
    monkeypatch.setattr("bankapp.client.commands.webhooks.time", steps)
    assert person.json("webhooks", "test", "bank-events")["status_code"] == 204
    assert person.problem("webhooks", "test", endpoint["id"], code=1)["code"] == "not_confirmed"
    person.run("webhooks", "remove", "bank-events", "--yes")
    assert person.json("webhooks", "list")["items"] == []
