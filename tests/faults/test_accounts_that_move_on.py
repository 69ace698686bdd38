"""A transfer is decided on a snapshot of its accounts: changes before it is stored must count."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.support.books import faults
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.statements import before_statement, statements

KEYS = pytest.mark.parametrize("key", [None, "rent"])


@pytest.fixture
def bank(bank_on: Callable[..., Bank], postgres_url: str) -> Bank:
    return bank_on(postgres_url)


def before_storing(bank: Bank, act: Callable[[], object]) -> AbstractContextManager[None]:
    """Run ``act`` once, between the snapshot of a transfer's accounts and the statement that stores the transfer."""
    return before_statement(bank.app, "INTO transfers", act)


def history(caller: Caller, account: dict[str, Any]) -> list[tuple[str, int, int]]:
    rows = ok(caller.get(f"/transactions?account_id={account['id']}"))["items"]
    times = [row["created_at"] for row in rows]
    assert times == sorted(times, reverse=True)
    return [(row["type"], row["amount"], row["balance_after"]) for row in reversed(rows)]


@KEYS
def test_concurrent_movements_are_kept_and_the_legs_continue_them(bank: Bank, key: str | None) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account(balance=10)

    def act() -> None:
        ada.deposit(source, 7)
        ok(bob.transfer(target, source, 4), 201)

    with before_storing(bank, act), statements(bank.app) as executed:
        made = ok(ada.transfer(source, target, 60, key=key), 201)
    # One statement for each transfer: the database moved the legs to the new balances, so nothing was retried.
    assert sum("INTO transfers" in sql for sql in executed) == 2
    assert history(ada, source) == [("deposit", 100, 100), ("deposit", 7, 107), ("transfer_in", 4, 111),
                                    ("transfer_out", 60, 51)]  # fmt: skip
    assert history(bob, target) == [("deposit", 10, 10), ("transfer_out", 4, 6), ("transfer_in", 60, 66)]
    assert (ada.balance(source), bob.balance(target)) == (51, 66)
    assert ok(ada.get(f"/transfers/{made['id']}"))["created_at"] == made["created_at"]
    assert faults(bank.app) == []


@KEYS
def test_money_spent_meanwhile_refuses_the_transfer(bank: Bank, key: str | None) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    with before_storing(bank, lambda: ok(ada.move(source, 41, "withdrawal"), 201)):
        refused(ada.transfer(source, target, 60, key=key), 422, "insufficient_funds")
    assert (ada.balance(source), bob.balance(target)) == (59, 0)
    assert [row["status"] for row in ok(ada.get("/audit-logs?event_type=transfer"))["items"]] == ["failure"]
    assert faults(bank.app) == []


def test_money_held_meanwhile_refuses_the_transfer(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    card = ada.card(source)
    with before_storing(bank, lambda: ada.hold(card, 41)):
        refused(ada.transfer(source, target, 60), 422, "insufficient_funds")
    assert ada.balances(source) == (100, 59)
    ok(ada.transfer(source, target, 59), 201)
    assert faults(bank.app) == []


@pytest.mark.parametrize(("frozen", "code"), [("source", "account_not_active"), ("target", "payee_not_payable")])
def test_an_account_frozen_in_between_takes_no_part(bank: Bank, frozen: str, code: str) -> None:
    ada, bob, staff = bank.customer(), bank.customer(), bank.employee()
    accounts = {"source": ada.account(balance=100), "target": bob.account()}
    with before_storing(bank, lambda: ok(staff.post(f"/accounts/{accounts[frozen]['id']}/freeze"))):
        refused(ada.transfer(**accounts, amount=60), 422, code)
    assert (ada.balance(accounts["source"]), bob.balance(accounts["target"])) == (100, 0)
    assert faults(bank.app) == []


def test_an_account_closed_meanwhile_refuses_the_transfer(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    with before_storing(bank, lambda: ok(bob.post(f"/accounts/{target['id']}/close"))):
        refused(ada.transfer(source, target, 60), 422, "payee_not_payable")
    assert ada.balance(source) == 100
    assert faults(bank.app) == []


@pytest.mark.parametrize("name", ["id", "number"])
def test_only_the_storing_statement_locks_the_accounts(bank: Bank, name: str) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    order = {"from_account_id": source["id"], f"to_account_{name}": target[name], "amount": 60, "currency": "EUR"}
    with statements(bank.app) as executed:
        ok(ada.post("/transfers", order, key="rent"), 201)
    # The first statement checks the token, stores the claim and reads the accounts. The second locks and commits.
    assert ["auth_tokens" in sql and "INSERT INTO idempotency_keys" in sql for sql in executed] == [True, False]
    assert ["FOR NO KEY UPDATE" in sql for sql in executed] == [False, True]
