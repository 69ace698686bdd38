"""A payer learns nothing of a payee's account but whether it can be paid, and only after the payer's own side fits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from limits import parse

from bankapp.api import limits
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.statements import before_statement

UNPAYABLE = ("frozen", "closed", "another currency")
UNKNOWN = {"id": "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b", "number": "DE02120300000000202051"}


@pytest.fixture
def payee(bank: Bank) -> Caller:
    return bank.customer()


def account_of(payee: Caller, bank: Bank, state: str) -> dict[str, Any]:
    account = payee.account("USD" if state == "another currency" else "EUR")
    if state == "frozen":
        ok(bank.employee().post(f"/accounts/{account['id']}/freeze"))
    if state == "closed":
        ok(payee.post(f"/accounts/{account['id']}/close"))
    return account


def order(source: dict[str, Any], target: dict[str, Any], amount: int = 5) -> dict[str, Any]:
    return {
        "from_account_id": source["id"],
        "to_account_number": target["number"],
        "amount": amount,
        "currency": source["currency"],
    }


@pytest.mark.parametrize("state", UNPAYABLE)
def test_an_account_that_cannot_receive_gives_no_reason(bank: Bank, payee: Caller, state: str) -> None:
    ada = bank.customer()
    source, target = ada.account(balance=100), account_of(payee, bank, state)
    problems = [
        refused(ada.post("/transfers", order(source, target)), 422, "payee_not_payable"),
        refused(ada.transfer(source, target, 5), 422, "payee_not_payable"),
    ]
    for problem in problems:
        assert problem["detail"] == "The payee's account cannot receive this transfer."
        assert "account_id" not in problem
        assert target["id"] not in str(problem)


@pytest.mark.parametrize("state", [*UNPAYABLE, "active", "unknown"])
def test_a_payer_without_money_learns_nothing(bank: Bank, payee: Caller, state: str) -> None:
    ada = bank.customer()
    source = ada.account()
    target = UNKNOWN if state == "unknown" else account_of(payee, bank, state)
    refused(ada.post("/transfers", order(source, target)), 422, "insufficient_funds")


@pytest.mark.parametrize("state", [*UNPAYABLE, "active", "unknown"])
def test_a_batch_tells_no_more(bank: Bank, payee: Caller, state: str) -> None:
    ada = bank.customer()
    source, savings = ada.account(balance=10), ada.account()
    target = UNKNOWN if state == "unknown" else account_of(payee, bank, state)
    body = {"atomic": False, "transfers": [order(source, savings, 10), order(source, target)]}
    made = ok(ada.post("/transfers/batch", body))
    assert [item.get("error", {}).get("code") for item in made["items"]] == [None, "insufficient_funds"]


def test_an_unknown_account_is_not_found_once_the_payer_could_pay(bank: Bank) -> None:
    ada = bank.customer()
    source = ada.account(balance=100)
    refused(ada.post("/transfers", order(source, UNKNOWN)), 404, "not_found")


def test_the_payers_own_state_is_told_first(bank: Bank, payee: Caller) -> None:
    ada = bank.customer()
    source, target = ada.account(balance=100), account_of(payee, bank, "frozen")
    ok(bank.employee().post(f"/accounts/{source['id']}/freeze"))
    refused(ada.post("/transfers", order(source, target)), 422, "account_not_active")


def test_ones_own_accounts_give_the_reason(bank: Bank) -> None:
    ada = bank.customer()
    source, target = ada.account(balance=100), ada.account("USD")
    refused(ada.transfer(source, target, 5), 422, "currency_mismatch")
    frozen = ada.account()
    ok(bank.employee().post(f"/accounts/{frozen['id']}/freeze"))
    refused(ada.transfer(source, frozen, 5), 422, "account_not_active")


def test_of_two_logouts_at_once_one_ends_the_session_and_the_other_is_too_late(bank: Bank) -> None:
    ada = bank.customer()
    with before_statement(bank.app, "BEGIN", lambda: ok(ada.post("/auth/logout"), 204)):
        refused(ada.post("/auth/logout"), 401, "token_revoked")


def test_payees_cannot_be_tried_out_without_end(
    bank_with: Callable[..., Bank], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "PAYEE_LOOKUPS", parse("3 per hour"))
    bank = bank_with(RATELIMIT_ENABLED="true")
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    refused(ada.post("/transfers", order(source, UNKNOWN)), 404, "not_found")
    ok(ada.transfer(source, target, 5), 201)
    body = {"atomic": False, "transfers": [order(source, UNKNOWN), order(source, target)]}
    ok(ada.post("/transfers/batch", body))
    refused(ada.post("/transfers", order(source, UNKNOWN)), 404, "not_found")
    reply = ada.transfer(source, target, 5)
    refused(reply, 429, "rate_limited")
    assert 0 < int(reply.headers["Retry-After"]) <= 3600
    ok(bob.transfer(target, source, 1), 201)
