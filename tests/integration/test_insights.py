"""Insights: spending and cash flow, compared with the statements of the same days."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bankapp.services import insights
from tests.integration.test_annotations import annotate
from tests.integration.test_category_rules import buy, rule
from tests.integration.test_search import find
from tests.support import clocks
from tests.support.api_keys import bearer, make
from tests.support.factories import Bank, Caller, ok, refused

CATEGORIES = ("groceries", "rent", "piano_lessons", None)


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def days(first: int = 30) -> str:
    """Return the query for the days from ``first`` days ago to today."""
    return f"from={clocks.ago(days=first).date()}&to={clocks.ago(days=0).date()}"


def spending(caller: Caller, query: str = "", currency: str = "EUR", first: int = 30) -> dict[str, Any]:
    return dict(ok(caller.get(f"/insights/spending?{days(first)}&currency={currency}{query}")))


def cash_flow(caller: Caller, query: str = "", currency: str = "EUR", first: int = 30) -> dict[str, Any]:
    return dict(ok(caller.get(f"/insights/cash-flow?{days(first)}&currency={currency}{query}")))


def amounts(report: dict[str, Any]) -> dict[str | None, int]:
    return {item["key"]: item["amount"] for item in report["items"]}


def test_spending_is_grouped(bank: Bank, ada: Caller) -> None:
    account, target = ada.account(balance=10_000), bank.customer().account()
    buy(ada, account, "Corner Bookshop", 300)
    buy(ada, account, "Café Müller", 50)
    rule(ada, "eating_out", words="cafe")
    ok(ada.transfer(account, target, 100), 201)
    ok(ada.move(account, 20, "withdrawal"), 201)
    report = spending(ada)
    assert report["items"] == [
        {"key": "shopping", "amount": 300, "count": 1},
        {"key": "uncategorized", "amount": 100, "count": 1},
        {"key": "eating_out", "amount": 50, "count": 1},
        {"key": "cash", "amount": 20, "count": 1},
    ]
    assert (report["total"], report["own_transfers_out"], report["reversals"]) == (470, 0, 0)
    assert spending(ada, "&group_by=account")["items"] == [{"key": account["id"], "amount": 470, "count": 4}]
    month = clocks.ago(days=0).strftime("%Y-%m")
    assert spending(ada, "&group_by=month")["items"] == [{"key": month, "amount": 470, "count": 4}]
    names = {"Corner Bookshop": 300, "Ada Lovelace": 100, "Café Müller": 50, "Cash": 20}
    assert amounts(spending(ada, "&group_by=counterparty")) == names


def test_small_counterparties_are_one_group(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights, "MAX_GROUPS", 1)
    account = ada.account(balance=1_000)
    for number, merchant in enumerate("ABC", 1):
        buy(ada, account, f"Shop {merchant}", number)
    assert spending(ada, "&group_by=counterparty")["items"] == [
        {"key": "Shop C", "amount": 3, "count": 1},
        {"key": None, "amount": 3, "count": 2},
    ]


def test_cash_flow_is_grouped_by_month_or_account(fresh_bank: Bank) -> None:
    ada = fresh_bank.customer()
    with clocks.at(clocks.ago(days=40)):
        account = ada.account(balance=1_000)
        month = clocks.ago(days=0).strftime("%Y-%m")
    other = ada.account(balance=70)
    ok(ada.transfer(account, other, 500), 201)
    ok(ada.move(account, 200, "withdrawal"), 201)
    report = cash_flow(ada, first=60)
    this_month = clocks.ago(days=0).strftime("%Y-%m")
    assert report["items"] == [
        {"key": month, "credits": 1_000, "debits": 0, "net": 1_000},
        {"key": this_month, "credits": 70, "debits": 200, "net": -130},
    ]
    assert (report["credits"], report["debits"], report["net"]) == (1_070, 200, 870)
    assert (report["own_transfers_in"], report["own_transfers_out"]) == (500, 500)
    by_account = {item["key"]: item["net"] for item in cash_flow(ada, "&group_by=account", first=60)["items"]}
    assert by_account == {account["id"]: 800, other["id"]: 70}
    assert [item["key"] for item in cash_flow(ada)["items"]] == [this_month]


def test_a_reversal_takes_from_the_group_of_what_it_reverses(bank: Bank, ada: Caller) -> None:
    grace = bank.customer()
    account, target = ada.account(balance=1_000), grace.account()
    first, second = (ok(ada.transfer(account, target, amount, description="Piano"), 201) for amount in (100, 30))
    rule(ada, "education", words="piano", type="transfer_out")
    ok(bank.employee().post(f"/transfers/{first['id']}/reversal"), 201)
    for group, key in (("category", "education"), ("counterparty", "Ada Lovelace")):
        report = spending(ada, f"&group_by={group}")
        assert report["items"] == [{"key": key, "amount": 30, "count": 2}]
        assert (report["total"], report["reversals"]) == (30, 100)
    # The payee received less; that is no spending.
    assert spending(grace)["items"] == []
    report = cash_flow(grace)
    assert (report["credits"], report["debits"], report["reversals"]) == (30, 0, 100)
    ok(bank.employee().post(f"/transfers/{second['id']}/reversal"), 201)
    assert spending(ada)["items"] == [{"key": "education", "amount": 0, "count": 2}]


def test_currencies_are_never_added(ada: Caller) -> None:
    for currency, amount in (("EUR", 100), ("USD", 7)):
        ok(ada.move(ada.account(currency, 1_000), amount, "withdrawal"), 201)
    assert amounts(spending(ada)) == {"cash": 100}
    assert amounts(spending(ada, currency="USD")) == {"cash": 7}
    assert spending(ada, currency="JPY")["items"] == cash_flow(ada, currency="JPY")["items"] == []


def test_insights_are_about_ones_own_accounts(bank: Bank, ada: Caller) -> None:
    account, other = ada.account(balance=1_000), ada.account(balance=1_000)
    ok(ada.move(account, 100, "withdrawal"), 201)
    ok(ada.move(other, 30, "withdrawal"), 201)
    ok(ada.transfer(account, other, 5), 201)
    for caller in (bank.customer(), bank.employee(), bank.employee("admin")):
        assert spending(caller)["items"] == cash_flow(caller)["items"] == []
    key = bearer(bank, make(ada, account_ids=[account["id"]]))
    # The other account is the owner's, too, although the key does not see it.
    assert (spending(key)["total"], spending(key)["own_transfers_out"]) == (100, 5)
    assert [item["key"] for item in cash_flow(key, "&group_by=account")["items"]] == [account["id"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("to=2026-11-30&currency=EUR", "from"),
        ("from=2026-11-01&currency=EUR", "to"),
        ("from=2026-11-01&to=2026-11-30", "currency"),
        ("from=2026-11-01&to=2026-11-30&currency=XXX", "currency"),
        ("from=2026-11-30&to=2026-11-01&currency=EUR", "from"),
        ("from=2025-11-01&to=2026-11-02&currency=EUR", "to"),
        ("from=9999-12-01&to=9999-12-31&currency=EUR", "to"),
        ("from=2026-11-01&to=2026-11-30&currency=EUR&group_by=tag", "group_by"),
    ],
)
def test_wrong_questions_are_refused(ada: Caller, query: str, field: str) -> None:
    for path in ("spending", "cash-flow"):
        assert list(refused(ada.get(f"/insights/{path}?{query}"), 422, "validation_error")["errors"]) == [field]


def test_the_first_and_the_last_day_can_be_asked_for(ada: Caller) -> None:
    for span in ("from=0001-01-01&to=0001-12-31", "from=9999-01-01&to=9999-12-30"):
        for path in ("spending", "cash-flow"):
            assert ok(ada.get(f"/insights/{path}?{span}&currency=EUR"))["items"] == []


@pytest.mark.parametrize("seed", range(3))
def test_the_groups_add_up_to_the_statements(fresh_bank: Bank, seed: int) -> None:
    """Random histories: each grouping, own transfers and reversals together are the totals of the statements."""
    chance = random.Random(seed)
    ada, grace, staff = fresh_bank.customer(), fresh_bank.customer(), fresh_bank.employee()
    with clocks.at(clocks.ago(days=80)):
        own = [ada.account(balance=5_000), ada.account(balance=3_000), ada.account(type="savings")]
        ada.account("USD", 700)
        foreign = grace.account(balance=5_000)
    transfers: list[dict[str, Any]] = []
    for number in range(3):
        rule(ada, str(CATEGORIES[number % 3]), words=f"word{number}", max_amount=chance.choice([None, 30]))
    for day in range(75, 0, -5):
        with clocks.at(clocks.ago(days=day)):
            source, target = chance.sample([*own, foreign, foreign], 2)
            amount = chance.randint(1, 60)
            if source == target or chance.random() < 0.3:
                made = ada.move(chance.choice(own), amount, chance.choice(["deposit", "withdrawal"]))
            elif transfers and chance.random() < 0.4:
                made = staff.post(f"/transfers/{transfers.pop(chance.randrange(len(transfers)))['id']}/reversal")
            else:
                payer = grace if source == foreign else ada
                made = payer.transfer(source, target, amount, description=f"word{chance.randrange(4)}")
                transfers += [made.get_json()] if made.status_code == 201 else []
            assert made.status_code in {201, 422}, made.get_json()
    history = ok(ada.get("/transactions?limit=100"))["items"]
    for transaction in chance.sample(history, len(history) // 3):
        ok(annotate(ada, transaction["id"], category=chance.choice(CATEGORIES)))
    for first in (85, 40):
        statements = [ok(ada.get(f"/statements/{account['id']}?{days(first)}")) for account in own]
        credits = sum(statement["total_credits"] for statement in statements)
        debits = sum(statement["total_debits"] for statement in statements)
        for group in ("category", "month", "counterparty", "account"):
            report = spending(ada, f"&group_by={group}", first=first)
            assert sum(item["amount"] for item in report["items"]) == report["total"]
            assert report["total"] + report["own_transfers_out"] + report["reversals"] == debits
        for group in ("month", "account"):
            report = cash_flow(ada, f"&group_by={group}", first=first)
            for name, total in (("credits", credits), ("debits", debits)):
                side = "in" if name == "credits" else "out"
                assert sum(item[name] for item in report["items"]) == report[name]
                assert report[name] + report[f"own_transfers_{side}"] + report["reversals"] == total
            assert report["own_transfers_in"] == report["own_transfers_out"]
    everything = [one for one in history if one["currency"] == "EUR"]
    found = [one for key in amounts(spending(ada, first=85)) for one in find(ada, category=key, limit=100)]
    assert len({one["id"] for one in found}) == len(found), "a transaction has one category"
    assert {one["id"] for one in everything if one["type"] == "withdrawal"} <= {one["id"] for one in found}
