"""Idempotency-Key on every POST that creates or moves something."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from bankapp.services import idempotency
from tests.support import clocks
from tests.support.factories import PERSON, Bank, Caller, ok, refused
from tests.support.statements import statements

Json = dict[str, Any]

# A repeated change of state needs no key: it is refused or changes nothing.
SWITCHES = ("freeze", "unfreeze", "close", "block", "unblock", "terminate", "trust", "untrust")


@dataclass
class Request:
    """A POST that succeeds once, and a body for the same path that differs."""

    caller: Caller
    path: str
    body: Json | None
    other: Json | None = None

    def send(self, key: str, body: Json | None = None) -> Any:
        return self.caller.post(self.path, body if body is not None else self.body, key=key)


def holder(bank: Bank) -> Request:
    return Request(bank.customer(holder=False), "/account-holders", dict(PERSON), PERSON | {"first_name": "Eva"})


def account(bank: Bank) -> Request:
    return Request(bank.customer(), "/accounts", *({"type": "savings", "currency": code} for code in ("EUR", "USD")))


def deposit(bank: Bank) -> Request:
    ada = bank.customer()
    body = {"account_id": ada.account()["id"], "type": "deposit", "amount": 5, "currency": "EUR"}
    return Request(ada, "/transactions", body, body | {"amount": 6})


def transfer(bank: Bank) -> Request:
    ada = bank.customer()
    source, target = ada.account(balance=100), ada.account()
    body = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 5, "currency": "EUR"}
    return Request(ada, "/transfers", body, body | {"description": "Rent"})


def batch(bank: Bank) -> Request:
    single = transfer(bank)
    body = {"transfers": [single.body]}
    return Request(single.caller, "/transfers/batch", body, body | {"atomic": False})


def reversal(bank: Bank) -> Request:
    made = ok(transfer(bank).send("made"), 201)
    return Request(bank.employee(), f"/transfers/{made['id']}/reversal", None)


def card(bank: Bank) -> Request:
    ada = bank.customer()
    body = {"account_id": ada.account()["id"], "type": "virtual"}
    return Request(ada, "/cards", body, body | {"type": "physical"})


REQUESTS = [holder, account, deposit, transfer, batch, reversal, card]


@pytest.mark.parametrize("make", REQUESTS)
def test_a_replay_returns_the_first_answer(bank: Bank, make: Any) -> None:
    request = make(bank)
    first = request.send("k")
    assert first.status_code in (200, 201), first.data
    assert "Idempotent-Replayed" not in first.headers
    again = request.send('"k"')  # the same key, written as a structured field
    assert again.status_code == first.status_code
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.content_type == first.content_type
    if make is card:  # the number is shown once
        assert again.get_json() == first.get_json() | {"pan": None}
    else:
        assert again.data == first.data
    assert again.headers.get("ETag") == first.headers.get("ETag")


@pytest.mark.parametrize("make", [make for make in REQUESTS if make is not reversal])
def test_the_same_key_with_another_body_is_refused(bank: Bank, make: Any) -> None:
    request = make(bank)
    assert request.send("k").status_code in (200, 201)
    refused(request.send("k", request.other), 422, "idempotency_key_reused")


def test_the_order_of_fields_does_not_matter(bank: Bank) -> None:
    request = transfer(bank)
    first = request.send("k")
    assert request.send("k", dict(reversed(request.body.items()))).data == first.data  # type: ignore[union-attr]  # has one


def test_keys_are_scoped_by_user_and_path(bank: Bank) -> None:
    ada, bob = transfer(bank), transfer(bank)
    ok(ada.send("k"), 201)
    ok(bob.send("k"), 201)
    assert ok(ada.caller.post("/transfers/batch", {"transfers": [ada.body]}, key="k"))["posted"] == 1


def test_a_validation_error_is_not_remembered(bank: Bank) -> None:
    request = transfer(bank)
    assert request.body
    refused(request.send("k", request.body | {"amount": 0}), 422, "validation_error")
    refused(request.send("k", request.body | {"amount": "5"}), 422, "validation_error")
    refused(bank.anonymous().post(request.path, request.body, key="k"), 401, "token_missing")
    ok(request.send("k"), 201)
    too_young = PERSON | {"dob": "2026-01-01"}
    newcomer = holder(bank)
    refused(newcomer.send("k", too_young), 422, "validation_error")
    ok(newcomer.send("k"), 201)


def test_a_forbidden_request_is_not_remembered(bank: Bank) -> None:
    undo = reversal(bank)
    refused(bank.customer().post(undo.path, key="k"), 403, "forbidden")
    ok(undo.send("k"), 201)


@pytest.mark.parametrize("status", [404, 409, 422])
def test_business_refusals_are_remembered(bank: Bank, status: int) -> None:
    request = {404: transfer, 409: reversal, 422: transfer}[status](bank)
    body = request.body
    if status == 409:
        ok(request.send("earlier"), 201)
    elif body:
        body = body | ({"to_account_id": request.caller.user_id} if status == 404 else {"amount": 101})
    first = request.send("k", body)
    assert first.status_code == status
    if status == 422 and body:
        request.caller.deposit({"id": body["from_account_id"], "currency": "EUR"}, 1_000)
    again = request.send("k", body)
    assert (again.status_code, again.data, again.content_type) == (status, first.data, "application/problem+json")
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize("key", ["", "a" * 256, "ä", '"', '"open', '"a" "b"', "tab\there"])
def test_an_invalid_key_is_refused(bank: Bank, key: str) -> None:
    request = transfer(bank)
    if key in ('"', '"open', '"a" "b"'):
        ok(request.send(key), 201)  # no structured field, but 1 to 255 printable characters
    else:
        refused(request.send(key), 400, "idempotency_key_invalid")


def test_every_post_that_creates_or_moves_declares_the_key(bank: Bank) -> None:
    document = bank.app.test_client().get("/openapi.json").get_json()
    without = [
        path
        for path, methods in document["paths"].items()
        if "post" in methods
        # Their bodies have a password, and the fingerprint of a body is a fast hash (decision 0019).
        and not path.startswith(("/v1/auth/", "/v1/api-keys"))
        and path.rpartition("/")[2] not in SWITCHES
        and path not in ("/v1/payee-verifications", "/v1/category-rules/preview")  # they change nothing
        and not any(parameter.get("name") == "Idempotency-Key" for parameter in methods["post"]["parameters"])
    ]
    assert without == []


def test_purge_deletes_old_keys_in_batches(fresh_bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "PURGE_BATCH", 2)
    with clocks.at(clocks.ago(days=8)):
        ada = fresh_bank.customer()
        account = ada.account()
        for number in range(5):
            ok(ada.move(account, 1, "deposit", key=f"old-{number}"), 201)
    ada = fresh_bank.customer()
    account = ada.account()
    first = ok(ada.move(account, 1, "deposit", key="recent"), 201)
    with statements(fresh_bank.app) as executed:
        purged = fresh_bank.app.test_cli_runner().invoke(args=["idempotency", "purge"])
    assert purged.output.split() == ["5", "idempotency", "keys"]
    assert sum("DELETE" in statement for statement in executed) == 4
    assert ok(ada.move(account, 1, "deposit", key="recent"), 201) == first
