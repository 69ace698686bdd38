"""Events: stored with what happened, numbered without a gap, read in order."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from bankapp.extensions import db
from bankapp.services import events
from tests.support import clocks
from tests.support.api_keys import bearer, make
from tests.support.books import faults
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.servers import at_once
from tests.support.streams import number, stream, types


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def since(bank: Bank, caller: Caller, act: Callable[[], Any]) -> list[dict[str, Any]]:
    """Return the events of a caller that ``act`` causes."""
    number(bank.app)
    before = ok(caller.get("/events"))["last_position"]
    act()
    return stream(bank.app, caller, f"after={before}")


def test_each_side_of_a_transfer_gets_its_events(bank: Bank, ada: Caller) -> None:
    bob = bank.customer()
    source, target = ada.account(balance=500), bob.account()
    of_bob = ok(bob.get("/events"))["last_position"]
    made: dict[str, Any] = {}
    sent = since(bank, ada, lambda: made.update(ok(ada.transfer(source, target, 200, description="Rent"), 201)))
    assert types(sent) == ["transfer.created", "transaction.created"]
    assert sent[0]["data"] == made
    assert (sent[0]["resource_type"], sent[0]["resource_id"]) == ("transfer", made["id"])
    [leg] = ok(ada.get(f"/transactions?account_id={source['id']}&limit=1"))["items"]
    assert sent[1]["data"] | {"annotation": None} == leg
    received = stream(bank.app, bob, f"after={of_bob}")[-1]
    [leg] = ok(bob.get(f"/transactions?account_id={target['id']}&limit=1"))["items"]
    assert received["type"] == "transaction.created"
    assert received["data"] | {"annotation": None} == leg


def test_a_refused_transfer_has_no_event(bank: Bank, ada: Caller) -> None:
    source, target = ada.account(balance=5), ada.account()
    assert since(bank, ada, lambda: refused(ada.transfer(source, target, 6), 422, "insufficient_funds")) == []


def test_a_reversal_tells_the_payer(bank: Bank, ada: Caller) -> None:
    source, target = ada.account(balance=500), ada.account()
    transfer = ok(ada.transfer(source, target, 200), 201)
    staff = bank.employee()
    found = since(bank, ada, lambda: ok(staff.post(f"/transfers/{transfer['id']}/reversal"), 201))
    assert types(found) == ["transfer.reversed", "transaction.created", "transaction.created"]
    assert found[0]["data"] == ok(ada.get(f"/transfers/{transfer['id']}"))
    assert found[0]["data"]["reversed_by_transfer_id"] is not None
    [created] = stream(bank.app, ada, f"after=0&type=transfer.created&resource_id={transfer['id']}")
    assert created["data"] == transfer


def test_the_life_of_an_account(bank: Bank, ada: Caller) -> None:
    staff = bank.employee()

    def live() -> None:
        account = ada.account()
        for change in ("freeze", "unfreeze"):
            ok(staff.post(f"/accounts/{account['id']}/{change}"))
        ok(ada.post(f"/accounts/{account['id']}/close"))

    found = since(bank, ada, live)
    assert types(found) == ["account.opened", "account.frozen", "account.unfrozen", "account.closed"]
    assert [item["data"]["status"] for item in found] == ["active", "frozen", "active", "closed"]
    assert found[-1]["data"] == ok(ada.get(f"/accounts/{found[-1]['resource_id']}"))


def test_the_life_of_a_card(bank: Bank, ada: Caller) -> None:
    account = ada.account()

    def live() -> None:
        card = ada.card(account)
        for change in ("block", "unblock"):
            ok(ada.post(f"/cards/{card['id']}/{change}"))
        ok(ada.request("PUT", f"/cards/{card['id']}/limits", json={"per_authorization": 5, "per_day": None}))
        ok(ada.post(f"/cards/{card['id']}/terminate"))

    found = since(bank, ada, live)
    assert types(found) == [
        "card.issued",
        "card.blocked",
        "card.unblocked",
        "card.limits_changed",
        "card.terminated",
    ]
    assert found[-1]["data"] == ok(ada.get(f"/cards/{found[-1]['resource_id']}"))
    assert "pan" not in found[0]["data"]


def test_changed_limits_are_the_limits_as_the_api_shows_them(bank: Bank, ada: Caller) -> None:
    card = ada.card(ada.account(balance=100))
    ada.hold(card, 10)
    path = f"/cards/{card['id']}/limits"

    def change() -> None:
        shown.append(ok(ada.request("PUT", path, json={"per_authorization": 20, "per_day": None})))
        ada.hold(card, 15)

    shown: list[dict[str, Any]] = []
    [changed, _] = since(bank, ada, change)
    assert (changed["type"], changed["resource_type"]) == ("card.limits_changed", "card")
    assert changed["resource_id"] == changed["data"]["card_id"] == card["id"]
    # What was used afterwards is not in the event.
    assert (changed["data"]["per_authorization"], changed["data"]["used_today"]) == (20, 10)
    assert changed["data"] == shown[0]
    assert ok(ada.get(f"/events?after=0&resource_id={card['id']}"))["items"][-1] == changed


def test_the_ends_of_authorizations(bank: Bank, ada: Caller) -> None:
    account = ada.account(balance=100)
    card = ada.card(account)

    def live() -> None:
        captured, voided, expired = (ada.hold(card, 10)["id"] for _ in range(3))
        ok(ada.post(f"/authorizations/{captured}/capture", {"amount": 4}))
        ok(ada.post(f"/authorizations/{voided}/void"))
        refused(ada.authorize(card, 1_000), 422, "insufficient_funds")
        with clocks.at(clocks.ago(days=-8)):
            assert bank.app.test_cli_runner().invoke(args=["authorizations", "expire"]).exit_code == 0
        assert expired

    found = since(bank, ada, live)
    assert types(found) == [
        *["authorization.created"] * 3,
        "transaction.created",
        "authorization.captured",
        "authorization.voided",
        "authorization.declined",
        "authorization.expired",
    ]
    by_type = {item["type"]: item["data"] for item in found}
    assert by_type["authorization.declined"]["decline_reason"] == "insufficient_funds"
    assert by_type["authorization.captured"] == ok(ada.get(f"/authorizations/{found[4]['resource_id']}"))
    with clocks.at(clocks.ago(days=-9)):
        ada = bank.signed_in(ada.email)
        again = stream(bank.app, ada, "after=0&type=authorization.created")
    assert {item["data"]["status"] for item in again} == {"pending"}


def test_a_sign_in_is_an_event(bank: Bank, ada: Caller) -> None:
    [found] = since(bank, ada, lambda: bank.signed_in(ada.email, **{"X-Device-Id": "phone-4711"}))
    assert (found["type"], found["data"]["device_id"]) == ("session.created", "phone-4711")


def test_a_batch_has_an_event_for_each_transfer_and_leg(fresh_bank: Bank) -> None:
    ada = fresh_bank.customer()
    source, target = ada.account(balance=500), ada.account()
    parts = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 10, "currency": "EUR"}
    found = since(fresh_bank, ada, lambda: ok(ada.post("/transfers/batch", {"transfers": [parts] * 20})))
    assert types(found).count("transfer.created") == 20
    balances = [item["data"]["balance_after"] for item in found if item["data"].get("account_id") == source["id"]]
    assert balances == [490 - 10 * index for index in range(20)]
    assert faults(fresh_bank.app) == []


def test_a_stream_is_read_in_stretches(bank: Bank, ada: Caller) -> None:
    account = ada.account()
    for amount in range(1, 8):
        ada.deposit(account, amount)
    number(bank.app)
    whole = ok(ada.get("/events?after=0"))
    assert [item["position"] for item in whole["items"]] == [*range(1, whole["last_position"] + 1)]
    assert not whole["has_more"]
    read, after = [], 0
    while True:
        part = ok(ada.get(f"/events?after={after}&limit=3"))
        read += part["items"]
        after = part["last_position"]
        if not part["has_more"]:
            break
        assert len(part["items"]) == 3
    assert read == whole["items"]
    assert ok(ada.get(f"/events?after={after}")) == {"items": [], "last_position": after, "has_more": False}
    assert ok(ada.get(f"/events?after={after + 50}"))["last_position"] == after + 50


def test_a_filter_reads_on_to_the_end_of_the_stream(bank: Bank, ada: Caller) -> None:
    account = ada.account(balance=5)
    ok(ada.post("/cards", {"account_id": account["id"], "type": "virtual"}), 201)
    number(bank.app)
    last = ok(ada.get("/events"))["last_position"]
    found = ok(ada.get(f"/events?after=0&type=account.opened&resource_id={account['id']}"))
    assert types(found["items"]) == ["account.opened"]
    assert found["last_position"] == last


def test_the_banks_stream_is_for_admins(fresh_bank: Bank) -> None:
    ada, admin = fresh_bank.customer(), fresh_bank.employee("admin")
    account = ada.account(balance=5)
    refused(ada.get("/events?stream=bank"), 403, "forbidden")
    refused(fresh_bank.employee().get("/events?stream=bank"), 403, "forbidden")
    found = stream(fresh_bank.app, admin, "after=0&stream=bank")
    assert [item["position"] for item in found] == [*range(1, len(found) + 1)]
    assert {ada.user_id, admin.user_id} <= {item["user_id"] for item in found}
    assert account["id"] in {item["resource_id"] for item in found}
    assert {item["user_id"] for item in stream(fresh_bank.app, ada)} == {ada.user_id}


def test_positions_that_are_no_longer_kept_are_gone(fresh_bank: Bank) -> None:
    with clocks.at(clocks.ago(days=100)):
        ada = fresh_bank.customer()
        ada.account(balance=5)
    ada = fresh_bank.signed_in(ada.email)
    number(fresh_bank.app)
    refused(ada.get("/events?after=0"), 410, "events_expired")
    kept = ok(ada.get("/events"))
    assert types(kept["items"]) == ["session.created"]
    first = kept["items"][0]["position"]
    assert ok(ada.get(f"/events?after={first - 1}")) == kept
    refused(ada.get(f"/events?after={first - 2}"), 410, "events_expired")


def test_sequencers_at_once_number_every_event_once(fresh_bank: Bank) -> None:
    people = [fresh_bank.customer() for _ in range(3)]
    for person in people:
        account, other = person.account(balance=500), person.account()
        for _ in range(10):
            ok(person.transfer(account, other, 3), 201)

    def sequence() -> int:
        with fresh_bank.app.app_context():
            return sum(iter(lambda: events.number(7), 0))

    done = at_once([sequence] * 4)
    for person in people:
        found = stream(fresh_bank.app, person)
        assert [item["position"] for item in found] == [*range(1, len(found) + 1)]
        balances: dict[str, list[int]] = {}
        for item in found:
            if item["type"] == "transaction.created":
                balances.setdefault(item["data"]["account_id"], []).append(item["data"]["balance_after"])
        assert sorted(balances.values()) == [[3 * (index + 1) for index in range(10)], [500 - 3 * i for i in range(11)]]
    admin = fresh_bank.employee("admin")
    assert sum(done) < len(stream(fresh_bank.app, admin, "after=0&stream=bank"))
    assert faults(fresh_bank.app) == []


def test_an_event_that_commits_late_is_still_found(fresh_bank: Bank) -> None:
    """An event is older than those that were numbered before its commit; it follows them all the same."""
    ada = fresh_bank.customer()
    account = ada.account()
    before = stream(fresh_bank.app, ada)[-1]["position"]
    with clocks.at(clocks.ago(minutes=5)):
        ada.deposit(account, 5)
    found = stream(fresh_bank.app, ada, f"after={before}")
    assert [item["position"] for item in found] == [before + 1]
    assert found[0]["created_at"] < clocks.ago(minutes=4).isoformat()


def test_retention_is_a_setting(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(EVENT_RETENTION_SECONDS="3600")
    # Without an account holder: other tests rely on the times of those.
    with clocks.at(clocks.ago(hours=2)):
        ada = bank.customer(holder=False)
    ada = bank.signed_in(ada.email)
    number(bank.app)
    refused(ada.get("/events?after=0"), 410, "events_expired")


def test_an_api_key_reads_the_events_of_its_accounts(bank: Bank, ada: Caller) -> None:
    mine, other = ada.account(balance=5), ada.account(balance=7)
    whole = bearer(bank, make(ada, scopes=["events:read"]))
    limited = bearer(bank, make(ada, scopes=["events:read"], account_ids=[mine["id"]]))
    without = bearer(bank, make(ada, scopes=["accounts:read"]))
    refused(without.get("/events"), 403, "insufficient_scope")
    everything = stream(bank.app, whole)
    assert everything == stream(bank.app, ada)
    assert other["id"] in {item["resource_id"] for item in everything}
    assert types(stream(bank.app, limited)) == ["account.opened", "transaction.created"]
    assert ok(limited.get("/events"))["last_position"] == ok(whole.get("/events"))["last_position"]
    refused(whole.get("/events?stream=bank"), 403, "forbidden")


def test_the_life_of_an_api_key(bank: Bank, ada: Caller) -> None:
    def live() -> None:
        ok(ada.delete(f"/api-keys/{make(ada)['id']}"), 204)

    created, revoked = since(bank, ada, live)
    assert (created["type"], revoked["type"]) == ("api_key.created", "api_key.revoked")
    assert revoked["data"] == ok(ada.get(f"/api-keys/{revoked['resource_id']}"))


def test_an_event_keeps_no_names_and_no_secrets(bank: Bank, ada: Caller) -> None:
    ada.card(ada.account())
    make(ada)
    with bank.app.app_context():
        stored = db.session.execute(text("SELECT type, data FROM events WHERE data IS NOT NULL")).all()
    assert {"account.opened", "card.issued", "api_key.created"} <= {row.type for row in stored}
    for row in stored:
        data = json.loads(row.data) if isinstance(row.data, str) else row.data
        assert not data.keys() & {"first_name", "last_name", "secret_hash", "previous_hash"}, row.type


def test_a_server_that_cannot_wait_answers_at_once(bank: Bank, ada: Caller) -> None:
    account = ada.account()
    ada.account()
    items = stream(bank.app, ada)
    answer = ada.get(f"/events/stream?after=0&resource_id={account['id']}")
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    [opened] = [item for item in items if item["resource_id"] == account["id"]]
    retry, event, position, rest = answer.get_data(as_text=True).split("\n\n")
    assert (retry, rest) == ("retry: 2000", "")
    name, kind, data = event.split("\n")
    assert (name, kind) == (f"id: {opened['position']}", "event: account.opened")
    assert json.loads(data.removeprefix("data: ")) == opened
    # The position that the filter left out, with a comment and without data.
    assert position == f"id: {items[-1]['position']}\n: "
    waited = ok(ada.get(f"/events?after={items[-1]['position']}&wait_seconds=25"))
    assert waited["items"] == []


def test_a_stream_begins_at_its_end(bank: Bank, ada: Caller) -> None:
    account = ada.account()
    last = stream(bank.app, ada)[-1]["position"]
    assert ada.get("/events/stream?after=latest").get_data(as_text=True) == f"retry: 2000\n\nid: {last}\n: \n\n"
    made = ada.deposit(account, 5)
    number(bank.app)
    # A lost connection goes on after the position that it was given.
    again = ada.get("/events/stream?after=latest", headers={"Last-Event-ID": str(last)}).get_data(as_text=True)
    assert made["id"] in again
    # A request that waits is served again, and would begin at another end.
    refused(ada.get("/events?after=latest"), 422, "validation_error")
    for wrong in ("Latest", "", "-1", "1.0", "1" * 19):
        refused(ada.get(f"/events/stream?after={wrong}"), 422, "validation_error")


def test_a_stream_begins_with_a_problem_where_the_list_has_one(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(EVENT_RETENTION_SECONDS="3600")
    with clocks.at(clocks.ago(hours=2)):
        ada = bank.customer(holder=False)
    ada = bank.signed_in(ada.email)
    number(bank.app)
    refused(ada.get("/events/stream?stream=bank"), 403, "forbidden")
    refused(ada.get("/events/stream", headers={"Last-Event-ID": "-1"}), 422, "validation_error")
    refused(bank.anonymous().get("/events/stream"), 401, "token_missing")
    refused(ada.get("/events/stream?after=0"), 410, "events_expired")
    refused(ada.get("/events/stream", headers={"Last-Event-ID": "0"}), 410, "events_expired")
