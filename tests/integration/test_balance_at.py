"""GET /v1/accounts/{id}/balance?at=: what an account held at a time, found by an index."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from bankapp import clock
from tests.factories import Bank, Caller, ok, refused

Json = dict[str, Any]


def at(caller: Caller, account: Json, moment: datetime | str | None = None) -> Any:
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
        assert ok(at(ada, account, moment))["balance"] == after == row["balance_after"]
        assert ok(at(ada, account, moment - timedelta(microseconds=1)))["balance"] == before
    now = ok(at(ada, account))
    assert (now["account_id"], now["balance"]) == (account["id"], 330)
    assert ok(at(ada, account, now["at"])) == now
    assert ok(at(ada, account, "1970-01-01T00:00:00Z"))["balance"] == 0


def test_a_time_in_another_zone_is_the_same_time(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=500)
    moment = ok(at(ada, account))["at"]
    east = clock.from_text(moment) + timedelta(hours=2)
    answer = ok(at(ada, account, east.strftime("%Y-%m-%dT%H:%M:%S.%f+02:00")))
    assert answer == {"account_id": account["id"], "balance": 500, "at": moment}


def test_the_future_is_not_known(bank: Bank) -> None:
    ada = bank.customer()
    problem = refused(at(ada, ada.account(), clock.now() + timedelta(minutes=1)), 422, "validation_error")
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
def test_what_is_no_time(bank: Bank, moment: str) -> None:
    ada = bank.customer()
    problem = refused(at(ada, ada.account(), moment), 422, "validation_error")
    assert list(problem["errors"]) == ["at"]


def test_of_ones_own_account_only_and_asked_once(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    account = ada.account(balance=5)
    refused(at(bob, account), 404, "not_found")
    assert ok(at(bank.employee(), account))["balance"] == 5
    refused(ada.get(f"/accounts/{account['id']}/balance?at=2026-01-01T00:00:00Z&at=x"), 422, "validation_error")
    refused(ada.get(f"/accounts/{account['id']}/balance?when=now"), 422, "validation_error")
