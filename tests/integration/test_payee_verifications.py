"""Verification of payee: what a payer is told of the name on an account, and what not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from limits import parse

from bankapp.api import limits
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.statements import statements

UNKNOWN_HERE = "DE92500105175405414040"
FOREIGN = "FR1420041010050500013M02606"


@pytest.fixture
def payer(bank: Bank) -> Caller:
    return bank.customer(**{"X-Device-Id": "phone"})


def closed_account(payee: Caller) -> dict[str, Any]:
    account = payee.account()
    ok(payee.post(f"/accounts/{account['id']}/close"))
    return account


def verify(payer: Caller, account_number: str, name: str = "Ada Lovelace") -> dict[str, Any]:
    return ok(payer.post("/payee-verifications", {"name": name, "account_number": account_number}))


@pytest.mark.parametrize(
    ("name", "result", "told"),
    [
        ("Ada Lovelace", "match", None),
        ("LOVELACE, Dr. ADA", "match", None),
        ("A. Lovelace", "close_match", "Ada Lovelace"),
        ("Ada Lovelase", "close_match", "Ada Lovelace"),
        ("Lovelace", "no_match", None),
        ("Grace Hopper", "no_match", None),
    ],
)
def test_a_name_is_compared_with_the_holders(
    bank: Bank, payer: Caller, name: str, result: str, told: str | None
) -> None:
    answer = verify(payer, bank.customer().account()["number"], name)
    assert (answer["result"], answer["name"]) == (result, told)


def test_the_number_may_have_spaces(bank: Bank, payer: Caller) -> None:
    number = bank.customer().account()["number"]
    spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4)).lower()
    assert verify(payer, spaced)["result"] == "match"


def test_a_frozen_account_is_compared(bank: Bank, payer: Caller) -> None:
    account = bank.customer().account()
    ok(bank.employee().post(f"/accounts/{account['id']}/freeze"))
    assert verify(payer, account["number"])["result"] == "match"


def test_accounts_that_are_unknown_closed_or_elsewhere_answer_alike(bank: Bank, payer: Caller) -> None:
    closed = closed_account(bank.customer())
    answers = []
    for number in (UNKNOWN_HERE, FOREIGN, closed["number"]):
        for name in ("Ada Lovelace", "A. Lovelace", "Nobody Whatsoever", "N. Whatsoever"):
            answer = verify(payer, number, name)
            del answer["id"], answer["token"], answer["expires_at"]
            answers.append(answer)
    assert answers == [answers[0]] * len(answers)
    assert (answers[0]["result"], answers[0]["name"]) == ("not_possible", None)


def test_every_account_takes_the_same_statements(bank: Bank, payer: Caller) -> None:
    payee = bank.customer()
    account, closed = payee.account(), closed_account(payee)
    executed = []
    for number in (account["number"], UNKNOWN_HERE, FOREIGN, closed["number"]):
        for name in ("Ada Lovelace", "A. Lovelace", "Grace Hopper"):
            with statements(bank.app) as found:
                verify(payer, number, name)
            executed.append(found)
    assert executed == [executed[0]] * len(executed)


def test_a_verification_leaves_an_audit_row(bank: Bank, payer: Caller) -> None:
    number = bank.customer().account()["number"]
    answer = verify(payer, number, "A. Lovelace")
    [row] = ok(payer.get("/audit-logs?event_type=payee_verification"))["items"]
    assert (row["resource_id"], row["status"]) == (answer["id"], "success")
    assert row["metadata"] == {"payee_name": "A. Lovelace", "account_number": number, "result": "close_match"}
    assert (row["ip_address"], row["device_id"]) == ("127.0.0.1", "phone")


def test_the_log_has_neither_name_nor_number(bank: Bank, payer: Caller, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        verify(payer, UNKNOWN_HERE, "Grace Hopper")
    [event] = [vars(record) for record in caplog.records if record.getMessage() == "payee_verification success"]
    assert event["result"] == "not_possible"
    assert not {"Grace Hopper", UNKNOWN_HERE} & {str(value) for value in event.values()}


@pytest.mark.parametrize("name", ["", " ", "x" * 141, "a\nb"])
def test_a_name_must_be_one(payer: Caller, name: str) -> None:
    answer = payer.post("/payee-verifications", {"name": name, "account_number": UNKNOWN_HERE})
    assert list(refused(answer, 422, "validation_error")["errors"]) == ["name"]


@pytest.fixture
def limited(bank_with: Callable[..., Bank]) -> Bank:
    return bank_with(RATELIMIT_ENABLED="true")


def attempts(payer: Caller, number: str, count: int) -> list[int]:
    body = {"name": "Grace Hopper", "account_number": number}
    return [payer.post("/payee-verifications", body).status_code for _ in range(count)]


def test_a_user_guesses_the_name_on_an_account_a_few_times_only(limited: Bank) -> None:
    payer, payee = limited.customer(), limited.customer()
    first, second = payee.account(), payee.account()
    assert attempts(payer, first["number"], 11) == [200] * 10 + [429]
    answer = payer.post("/payee-verifications", {"name": "Ada", "account_number": f" {first['number'].lower()}"})
    refused(answer, 429, "rate_limited")
    assert 0 < int(answer.headers["Retry-After"]) <= 3601
    assert attempts(payer, second["number"], 1) == [200]
    assert attempts(limited.customer(), first["number"], 1) == [200]


@pytest.mark.slow
def test_all_users_together_guess_the_name_on_an_account_a_limited_number_of_times(limited: Bank) -> None:
    number = limited.customer().account()["number"]
    statuses = [status for _ in range(31) for status in attempts(limited.customer(), number, 10)]
    assert statuses == [200] * 300 + [429] * 10


def test_accounts_that_are_not_found_count_like_transfers_to_them(
    limited: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PAYEE_LOOKUPS", parse("3 per hour"))
    payer = limited.customer()
    source = payer.account(balance=5)
    order = {"from_account_id": source["id"], "to_account_number": UNKNOWN_HERE, "amount": 1, "currency": "EUR"}
    refused(payer.post("/transfers", order), 404, "not_found")
    assert attempts(payer, FOREIGN, 2) == [200, 200]
    refused(payer.post("/transfers", order), 429, "rate_limited")
    assert attempts(payer, FOREIGN, 1) == [429]
