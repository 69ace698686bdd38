"""Paying with a card: holds, captures and limits, on both databases."""

from __future__ import annotations

from typing import Any

import pytest

from tests.client.conftest import Person


@pytest.fixture
def account(person: Person) -> dict[str, Any]:
    return person.account(balance="100")


@pytest.fixture
def card(person: Person, account: dict[str, Any]) -> str:
    return str(person.json("cards", "issue", account["id"])["last4"])


def test_a_capture_takes_a_part_of_the_hold(person: Person, account: dict[str, Any], card: str) -> None:
    hold = person.json("cards", "authorize", card, "40", "--merchant", "Corner Bookshop")
    assert (hold["status"], hold["amount"]) == ("pending", 4000)
    assert person.json("account", "show", account["id"])["available_balance"] == 6000
    assert "Corner Bookshop" in person.run("cards", "holds", card).stdout
    taken = person.json("cards", "capture", hold["id"][-12:], "32.50")
    assert (taken["status"], taken["captured_amount"]) == ("captured", 3250)
    assert person.problem("cards", "void", hold["id"], code=1)["code"] == "state_conflict"
    assert person.balance(account) == 6750
    assert person.json("history", account["id"], "--type", "card_purchase")["items"][0]["amount"] == 3250


def test_a_hold_is_captured_whole_or_voided(person: Person, account: dict[str, Any], card: str) -> None:
    first, second = (person.json("cards", "authorize", card, "10", "--merchant", name)["id"] for name in ("A", "B"))
    assert person.json("cards", "capture", first)["captured_amount"] == 1000
    assert person.json("cards", "void", second)["status"] == "voided"
    assert person.json("account", "show", account["id"])["available_balance"] == 9000
    assert person.pending == []


def test_limits_are_set_one_by_one(person: Person, account: dict[str, Any], card: str) -> None:
    person.run("cards", "limits", card, "--per-authorization", "50")
    assert person.json("cards", "limits", card, "--per-day", "60.50")["per_authorization"] == 5000
    assert person.problem("cards", "authorize", card, "50.01", "--merchant", "A", code=1)["code"] == "limit_exceeded"
    assert person.json("cards", "limits", card, "--per-authorization", "none")["per_authorization"] is None
    assert "60.50 EUR" in person.run("cards", "limits", card).stdout
