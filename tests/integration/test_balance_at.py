"""GET /v1/accounts/{id}/balance?at=: the balance of an account at a time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bankapp import clock
from tests.support.factories import Bank, Caller, ok, refused

Json = dict[str, Any]


def get_balance(caller: Caller, account: Json, moment: datetime | str | None = None) -> Any:
    text = clock.to_text(moment) if isinstance(moment, datetime) else moment
    return caller.get(f"/accounts/{account['id']}/balance", query_string={"at": text} if text else {})


def test_the_balance_after_each_transaction_and_just_before_it(bank: Bank) -> None:
    ada = bank.customer()
    account, other = ada.account(), ada.account(balance=100)
    ada.deposit(account, 500)
    ok(ada.move(account, 200, "withdrawal"), 201)
    ok(ada.transfer(other, account, 30), 201)
    history = ok(ada.get(f"/transactions?account_id={account['id']}"))["items"]
    balances = [0, 500, 300, 330]
    for before, after, row in zip(balances, balances[1:], reversed(history), strict=False):
        moment = clock.from_text(row["created_at"])
        assert ok(get_balance(ada, account, moment))["balance"] == after == row["balance_after"]
        assert ok(get_balance(ada, account, moment - timedelta(microseconds=1)))["balance"] == before
    now = ok(get_balance(ada, account))
    assert (now["account_id"], now["balance"]) == (account["id"], 330)
    assert ok(get_balance(ada, account, now["at"])) == now
    assert ok(get_balance(ada, account, "1970-01-01T00:00:00Z"))["balance"] == 0


def test_a_time_in_another_zone_is_the_same_time(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=500)
    moment = ok(get_balance(ada, account))["at"]
    east = clock.from_text(moment) + timedelta(hours=2)
    answer = ok(get_balance(ada, account, east.strftime("%Y-%m-%dT%H:%M:%S.%f+02:00")))
    assert answer == {"account_id": account["id"], "balance": 500, "at": moment}


def test_a_future_time_is_refused(bank: Bank) -> None:
    ada = bank.customer()
    problem = refused(get_balance(ada, ada.account(), clock.now() + timedelta(minutes=1)), 422, "validation_error")
    assert list(problem["errors"]) == ["at"]


@pytest.mark.parametrize(
    "moment",
    [
        "yesterday",
        "2026-11-24",
        "2026-11-24T09:30:00",
        "2026-11-24 09:30:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-24T24:30:00Z",
        "0001-01-01T00:00:00+14:00",
        "1764000000",
        "2026-11-24T09:30:00.1234567Z",
    ],
)
def test_an_invalid_time_is_refused(bank: Bank, moment: str) -> None:
    ada = bank.customer()
    problem = refused(get_balance(ada, ada.account(), moment), 422, "validation_error")
    assert list(problem["errors"]) == ["at"]


def test_the_balance_is_for_owner_and_staff_and_takes_one_time(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    account = ada.account(balance=5)
    refused(get_balance(bob, account), 404, "not_found")
    assert ok(get_balance(bank.employee(), account))["balance"] == 5
    refused(ada.get(f"/accounts/{account['id']}/balance?at=2026-01-01T00:00:00Z&at=x"), 422, "validation_error")
    refused(ada.get(f"/accounts/{account['id']}/balance?when=now"), 422, "validation_error")
