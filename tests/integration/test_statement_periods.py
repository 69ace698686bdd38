"""GET /v1/statements/periods: the months in which an account has entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support import clocks, histories
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.statements import statements


def periods(caller: Caller, account: dict[str, Any], **query: Any) -> dict[str, Any]:
    return ok(caller.get("/statements/periods", query_string={"account_id": account["id"]} | query))


@pytest.fixture
def history(bank: Bank) -> tuple[Caller, dict[str, Any]]:
    """Entries in December of the previous year, in January, and at both ends of March; none in February."""
    ada = bank.customer()
    account = ada.account()
    march = datetime(2026, 3, 1, tzinfo=UTC)
    for moment, amount in (
        (datetime(2025, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), 1),
        (datetime(2026, 1, 1, tzinfo=UTC), 10),
        (datetime(2026, 1, 15, tzinfo=UTC), 20),
        (march, 100),
        (march + timedelta(days=31, microseconds=-1), 200),
    ):
        with clocks.at(moment):
            ada.deposit(account, amount)
    return ada, account


def test_months_with_entries_are_listed_newest_first(history: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = history
    assert periods(ada, account) == {
        "items": [
            {
                "from": "2026-03-01",
                "to": "2026-03-31",
                "opening_balance": 31,
                "closing_balance": 331,
                "entry_count": 2,
            },
            {"from": "2026-01-01", "to": "2026-01-31", "opening_balance": 1, "closing_balance": 31, "entry_count": 2},
            {"from": "2025-12-01", "to": "2025-12-31", "opening_balance": 0, "closing_balance": 1, "entry_count": 1},
        ],
        "next_cursor": None,
    }


def test_every_listed_month_has_a_statement_with_its_entries(history: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = history
    for month in periods(ada, account)["items"]:
        statement = ok(ada.get(f"/statements/{account['id']}?from={month['from']}&to={month['to']}"))
        assert len(statement["entries"]) == month["entry_count"]
        for name in ("opening_balance", "closing_balance"):
            assert statement[name] == month[name]


def test_months_are_listed_in_pages(history: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = history
    everything = periods(ada, account)["items"]
    page = periods(ada, account, limit=2)
    rest = periods(ada, account, limit=2, cursor=page["next_cursor"])
    assert page["items"] + rest["items"] == everything
    assert rest["next_cursor"] is None
    exact = periods(ada, account, limit=3)
    assert (exact["items"], exact["next_cursor"]) == (everything, None)


def test_an_account_without_entries_has_no_months(bank: Bank) -> None:
    ada = bank.customer()
    assert periods(ada, ada.account()) == {"items": [], "next_cursor": None}


def test_months_of_a_foreign_account_and_of_no_account_are_refused(
    bank: Bank, history: tuple[Caller, dict[str, Any]]
) -> None:
    _, account = history
    eve = bank.customer()
    refused(eve.get(f"/statements/periods?account_id={account['id']}"), 404, "not_found")
    refused(eve.get("/statements/periods"), 422, "validation_error")


def test_each_month_costs_one_index_lookup(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account()
    for month, count in ((1, 1_000), (2, 1), (3, 5)):
        with clocks.at(datetime(2026, month, 10, tzinfo=UTC)):
            histories.load(bank.app, account, count)
    with statements(bank.app) as executed:
        found = periods(ada, account)["items"]
    assert [month["entry_count"] for month in found] == [5, 1, 1_000]
    lookups = [statement for statement in executed if "FROM transactions" in statement]
    assert len(lookups) == 4
    assert all("LIMIT" in statement for statement in lookups)
