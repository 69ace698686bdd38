"""Following the stream of events on the command line."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from tests.client.conftest import Person
from tests.client.wire import BUSY, CUT_ANSWER, LOSE_ANSWER, PASS, RETRY_AFTER_SECONDS, Request, Wire
from tests.support.factories import PASSWORD
from tests.support.streams import number

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")

STREAM = "/v1/events/stream"


class Pauses:
    """Stands for the clock of the module that follows a stream: each of its pauses carries out the next step."""

    def __init__(self) -> None:
        self.steps: list[Callable[[], object]] = []
        self.seconds: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.seconds.append(seconds)
        assert len(self.seconds) < 100, "it goes on for ever"
        if self.steps:
            self.steps.pop(0)()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> Pauses:
    pauses = Pauses()
    monkeypatch.setattr("bankapp.client.events.time", SimpleNamespace(sleep=pauses.sleep))
    return pauses


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def positions(text: str) -> list[int]:
    return [event["position"] for event in lines(text)]


def test_events_are_printed_as_the_bank_shows_them(person: Person, app: Flask) -> None:
    account = person.account(balance="12.34")
    number(app)
    shown = person.run("events", "tail", "--after", "0", "--count", "3", "--json").stdout
    opened, deposited = [event for event in lines(shown) if event["type"] != "session.created"]
    assert (opened["type"], opened["data"]["number"]) == ("account.opened", account["number"])
    assert (deposited["data"]["amount"], deposited["data"]["balance_after"]) == (1234, 1234)
    for_people = person.run("events", "tail", "--after", "0", "--count", "3").stdout
    assert "transaction.created  12.34 EUR" in for_people
    assert positions(shown) == [1, 2, 3]


def test_only_new_events_are_shown_by_default(person: Person, app: Flask, pauses: Pauses) -> None:
    account = person.account(balance="1")
    number(app)

    def deposit() -> None:
        person.run("deposit", account["id"], "2")
        number(app)

    pauses.steps = [lambda: None, deposit]
    [event] = lines(person.run("events", "tail", "--count", "1", "--json").stdout)
    assert event["data"]["amount"] == 200


def test_types_narrow_the_stream(person: Person, app: Flask) -> None:
    account = person.account(balance="1")
    person.run("cards", "issue", account["id"])
    number(app)
    few = ("events", "tail", "--after", "0", "--json", "--count")
    [one] = lines(person.run(*few, "1", "--type", "card.issued").stdout)
    assert one["type"] == "card.issued"
    two = lines(person.run(*few, "2", "--type", "card.issued", "--type", "account.opened").stdout)
    assert [event["type"] for event in two] == ["account.opened", "card.issued"]
    wrong = person.problem(*few, "1", "--type", "card.issued", "--type", "card.lost", code=1)
    assert wrong["code"] == "validation_error"


def test_it_goes_on_after_cuts_outages_and_an_expired_token(
    wired: Person, wire: Wire, app: Flask, pauses: Pauses
) -> None:
    account = wired.account(balance="1")
    number(app)
    actions = [PASS, CUT_ANSWER, BUSY, LOSE_ANSWER]

    def act(request: Request) -> str:
        return actions.pop(0) if request.path == STREAM and actions else PASS

    def deposit() -> None:
        wired.run("deposit", account["id"], "1")
        number(app)

    def expire_token() -> None:
        path = wired.folder / "tokens.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"access_token": "expired"}))
        deposit_by_another()

    def deposit_by_another() -> None:
        wired.run("deposit", account["id"], "1", BANKAPP_PASSWORD=PASSWORD)
        number(app)

    wire.act = act
    pauses.steps = [deposit, deposit, deposit, deposit, expire_token]
    shown = wired.run("events", "tail", "--after", "0", "--count", "8", "--json")
    assert positions(shown.stdout) == list(range(1, 9))
    asked = [int(request.last_event_id or -1) for request in wire.requests if request.path == STREAM]
    assert asked == sorted(asked)
    assert len(set(asked)) > 2
    assert max(pauses.seconds) >= RETRY_AFTER_SECONDS
    assert "Trying again" in shown.stderr


def test_a_session_that_ended_ends_it(wired: Person, app: Flask, pauses: Pauses) -> None:
    number(app)
    pauses.steps = [lambda: wired.run("sessions", "--end-all")]
    assert wired.problem("events", "tail", "--count", "9", code=3)["code"] == "not_signed_in"


def test_a_key_that_may_read_events_only(stranger: Person, other: Person, app: Flask) -> None:
    account = other.account(balance="12.34")
    number(app)
    scope = ("--scope", "events:read", "--account", account["id"])
    made = json.loads(other.run("keys", "create", "Books", *scope, "--json", BANKAPP_PASSWORD=PASSWORD).stdout)
    key = {"BANKAPP_API_KEY": made["secret"]}
    shown = stranger.run("events", "tail", "--after", "0", "--count", "2", **key).stdout
    assert "transaction.created  1234 minor units of EUR" in shown
    other.run("keys", "revoke", made["id"])
    assert stranger.problem("events", "tail", code=3, **key)["code"] == "not_signed_in"


def test_ctrl_c_ends_it_with_the_position(person: Person, app: Flask) -> None:
    person.account()
    number(app)
    process = person.start("events", "tail", "--after", "0")
    try:
        assert process.stdout is not None
        assert "account.opened" in process.stdout.readline() + process.stdout.readline()
        # The first pause comes after the last event.
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "Stopped. Go on with --after 2." in errors
    assert "Traceback" not in errors
