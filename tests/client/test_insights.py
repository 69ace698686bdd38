"""Insights and category rules on the command line."""

from __future__ import annotations

import pytest

from tests.client.conftest import Person

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")


def test_spending_and_cash_flow_are_shown(person: Person) -> None:
    account = person.account(balance="100")
    person.run("withdraw", account["number"], "12.50")
    found = person.json("insights", "spending")
    assert found["items"] == [{"key": "cash", "amount": 1_250, "count": 1}]
    assert "12.50 EUR" in person.run("insights", "spending", "--by", "counterparty").stdout
    assert person.json("insights", "cash-flow", "--by", "account")["net"] == 8_750
    shown = person.run("insights", "cash-flow").stdout
    for amount in ("100.00 EUR", "12.50 EUR", "87.50 EUR"):
        assert amount in shown
    assert person.json("insights", "spending", "--currency", "JPY")["items"] == []
    assert "no date" in person.run("insights", "spending", "--to", "today", code=2).stderr


def test_a_rule_is_previewed_made_listed_and_removed(person: Person) -> None:
    account = person.account()
    person.run("deposit", account["number"], "12.50", "--description", "Concert")
    rule = ("rules", "add", "leisure", "--words", "concert", "--type", "deposit")
    shown = person.run(*rule, "--preview")
    assert "Concert" in shown.stdout
    assert "1 transactions since" in shown.stderr
    assert person.json(*rule, "--preview")["count"] == 1
    assert person.json("rules", "list")["items"] == []
    made = person.json(*rule, "--position", "3")
    assert (made["category"], made["position"]) == ("leisure", 3)
    assert "concert" in person.run("rules", "list").stdout
    assert len(person.json("history", "--category", "leisure")["items"]) == 1
    assert person.json("rules", "remove", made["id"][-6:])["id"] == made["id"]
    assert person.json("rules", "list")["items"] == []
    assert person.pending == []
