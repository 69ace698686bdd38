"""GET /v1/accounts/{id}/balance?at=: what an account held at a time, found by an index."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from bankapp import clock
from bankapp.extensions import db
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


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from nodes(part)


def test_by_one_step_into_an_index(fresh_bank: Bank) -> None:
    ada = fresh_bank.customer()
    busy, other = ada.account(balance=10_000), ada.account(balance=10_000)
    there, back = ((one["id"], two["id"]) for one, two in ((busy, other), (other, busy)))
    for _ in range(2):
        orders = [
            {"from_account_id": source, "to_account_id": target, "amount": 1, "currency": "EUR"}
            for source, target in [there, back] * 500
        ]
        ok(ada.post("/transfers/batch", {"transfers": orders}))
    middle = ok(ada.get(f"/transactions?account_id={busy['id']}"))["items"][-1]["created_at"]
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "balance_after" in statement:
            asked.append((statement, parameters))

    with fresh_bank.app.app_context(), db.engine.connect() as connection:
        event.listen(db.engine, "before_cursor_execute", note)
        ok(at(ada, busy, middle))
        event.remove(db.engine, "before_cursor_execute", note)
        [(statement, parameters)] = asked
        index = "ix_transactions_account_id_created_at_sequence"
        if connection.dialect.name == "sqlite":
            plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]
            [search] = [step for step in plan if "transactions" in step]
            assert re.fullmatch(
                rf"SEARCH transactions USING INDEX {index} \(\(account_id,created_at\)<\(\?,\?\)\)", search
            )
            assert not any("TEMP B-TREE" in step for step in plan), plan
        else:
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            answer = connection.exec_driver_sql(explain, parameters).scalar_one()
            plan = (json.loads(answer) if isinstance(answer, str) else answer)[0]["Plan"]
            [limit] = [node for node in nodes(plan) if node["Node Type"] == "Limit"]
            [scan] = [node for node in nodes(plan) if node.get("Relation Name") == "transactions"]
            assert limit["Plans"] == [scan]
            assert (scan["Node Type"], scan["Index Name"]) == ("Index Scan", index), plan
            assert scan["Scan Direction"] == "Backward"
            assert "account_id" in scan["Index Cond"]
            assert "created_at" in scan["Index Cond"]
            assert scan["Actual Rows"] == 1
