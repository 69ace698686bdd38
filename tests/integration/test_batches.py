"""POST /v1/transfers/batch: atomic or not, posted in order, audited."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.factories import Bank, Caller, ok, refused
from tests.support.statements import statements

Json = dict[str, Any]


def order(source: Json, target: Json, amount: int, **extra: Any) -> Json:
    body = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": amount}
    return body | {"currency": source["currency"]} | extra


def send(caller: Caller, *orders: Json, key: str | None = None, **extra: Any) -> Any:
    return caller.post("/transfers/batch", {"transfers": list(orders)} | extra, key=key)


def audit_rows(caller: Caller, event_type: str) -> list[Json]:
    return ok(caller.get(f"/audit-logs?event_type={event_type}&limit=100"))["items"]


def test_a_transfer_may_spend_the_money_of_an_earlier_one(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    first, second, target = ada.account(balance=500), ada.account(), bob.account()
    answer = ok(send(ada, order(first, second, 500), order(second, target, 400, description="Rent")))
    assert (answer["posted"], answer["rejected"]) == (2, 0)
    assert [(item["index"], item["transfer"]["amount"]) for item in answer["items"]] == [(0, 500), (1, 400)]
    assert (ada.balance(first), ada.balance(second), bob.balance(target)) == (0, 100, 400)
    made = answer["items"][1]["transfer"]
    payer = {"name": "Ada Lovelace", "account_number": second["number"]}
    assert ok(bob.get(f"/transfers/{made['id']}")) == made | {"counterparty": payer}


def test_a_transfer_cannot_spend_the_money_of_a_later_one(bank: Bank) -> None:
    ada = bank.customer()
    first, second, third = ada.account(balance=500), ada.account(), ada.account()
    problem = refused(send(ada, order(second, third, 400), order(first, second, 500)), 422, "insufficient_funds")
    assert list(problem["errors"]) == ["0"]
    assert (ada.balance(first), ada.balance(second), ada.balance(third)) == (500, 0, 0)


def test_an_atomic_batch_posts_all_or_none_and_names_each_refusal_by_index(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, dollars, target = ada.account(balance=300), ada.account("USD"), bob.account()
    nowhere = order(source, target, 1) | {"to_account_id": ada.user_id}
    batch = [
        # The payer's own side is told first, so there is money left for what is wrong with the payee.
        order(source, target, 290),
        order(source, target, 11),
        order(source, dollars, 1),
        order(source, source, 1),
        nowhere,
        order(target, source, 1),
    ]
    problem = refused(send(ada, *batch), 422, "insufficient_funds")
    assert problem["errors"] == {
        "1": ["The available balance does not cover the amount."],
        "2": ["The account's currency is USD, not EUR."],
        "3": ["A transfer needs two different accounts."],
        "4": ["There is no such account."],
        "5": ["There is no such account."],
    }
    assert (ada.balance(source), bob.balance(target)) == (300, 0)
    refused(send(ada, nowhere, order(source, target, 301)), 422, "validation_error")


def test_a_batch_that_is_not_atomic_posts_all_that_are_not_refused(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=300), bob.account()
    answer = ok(send(ada, *[order(source, target, amount) for amount in (200, 101, 100)], atomic=False))
    assert (answer["posted"], answer["rejected"]) == (2, 1)
    assert answer["items"][1] == {
        "index": 1,
        "error": {"code": "insufficient_funds", "detail": "The available balance does not cover the amount."},
    }
    assert [item["transfer"]["amount"] for item in answer["items"] if "transfer" in item] == [200, 100]
    assert (ada.balance(source), bob.balance(target)) == (0, 300)


@pytest.mark.parametrize("atomic", [True, False])
def test_one_audit_row_for_the_batch_and_one_for_each_refusal(bank: Bank, atomic: bool) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=300), bob.account()
    answer = send(ada, *[order(source, target, amount) for amount in (200, 999, 100, 888)], atomic=atomic)
    [whole] = audit_rows(ada, "transfer_batch")
    assert whole["status"] == ("failure" if atomic else "success")
    made = [item["transfer"]["id"] for item in answer.get_json().get("items", []) if "transfer" in item]
    assert whole["metadata"].get("transfer_ids", []) == made
    refusals = audit_rows(ada, "transfer")
    assert {(row["status"], row["metadata"]["index"], row["metadata"]["amount"]) for row in refusals} == {
        ("failure", 1, 999),
        ("failure", 3, 888),
    }
    assert {row["metadata"]["code"] for row in refusals} == {"insufficient_funds"}
    assert {row["metadata"]["batch_id"] for row in refusals} == {whole["id"]}
    assert {row["request_id"] for row in [whole, *refusals]} == {answer.headers["X-Request-Id"]}


def test_the_same_key_makes_a_batch_once(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=1_000), bob.account()
    first = send(ada, order(source, target, 10), order(source, target, 20), key="batch")
    again = send(ada, order(source, target, 10), order(source, target, 20), key="batch")
    assert (again.data, again.headers["Idempotent-Replayed"]) == (first.data, "true")
    assert bob.balance(target) == 30
    refusal = send(ada, order(source, target, 5_000), key="too-much")
    ada.deposit(source, 9_000)
    assert send(ada, order(source, target, 5_000), key="too-much").data == refusal.data
    assert bob.balance(target) == 30


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "transfers"),
        ({"transfers": []}, "transfers"),
        ({"transfers": [{}] * 1_001}, "transfers"),
        ({"transfers": [{}], "atomic": "true"}, "atomic"),
        ({"transfers": [{}], "atomic": None}, "atomic"),
        ({"transfers": [{}], "dry_run": True}, "dry_run"),
        ({"transfers": [{"amount": True}]}, "transfers.0.amount"),
        ({"transfers": ["x"]}, "transfers.0"),
    ],
)
def test_an_invalid_batch_is_refused(bank: Bank, body: Json, field: str) -> None:
    problem = refused(bank.customer().post("/transfers/batch", body), 422, "validation_error")
    assert any(name == field or name.startswith(f"{field}.") for name in problem["errors"]), problem


def test_only_a_batch_may_have_a_body_of_one_mebibyte(bank: Bank) -> None:
    ada = bank.customer()
    padded = {"transfers": []}, {"from_account_id": "x"}
    for path, body, limit in zip(("/transfers/batch", "/transfers"), padded, (1024 * 1024, 64 * 1024), strict=True):
        text = json.dumps(body).encode()
        fits, over = text.ljust(limit), text.ljust(limit + 1)
        refused(ada.post(path, data=fits, content_type="application/json"), 422, "validation_error")
        refused(ada.post(path, data=over, content_type="application/json"), 413, "payload_too_large")


def test_a_thousand_by_iban_take_as_many_statements_as_one(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    sources = [ada.account(balance=10_000) for _ in range(5)]
    targets = [bob.account() for _ in range(5)]

    def batch(size: int) -> list[Json]:
        named = [(sources[at % 5], targets[at * 7 % 5]) for at in range(size)]
        return [
            order(source, target, 1) | {"to_account_id": None, "to_account_number": target["number"]}
            for source, target in named
        ]

    def made(size: int) -> list[str]:
        orders = [{name: value for name, value in one.items() if value is not None} for one in batch(size)]
        with statements(bank.app) as executed:
            assert ok(send(ada, *orders, key=f"{size}"))["posted"] == size
        return executed

    assert len(made(1)) == len(made(10)) == len(made(1_000))
    assert sum(bob.balance(target) for target in targets) == 1_011


def test_a_thousand_refusals_take_as_many_statements_as_one(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(), bob.account()
    counts = []
    for size in (1, 1_000):
        with statements(bank.app) as executed:
            assert ok(send(ada, *[order(source, target, 1)] * size, atomic=False))["rejected"] == size
        counts.append(len(executed))
    assert counts[0] == counts[1]
