"""Commands that move money, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.client.conftest import Person
from tests.support.factories import PASSWORD, Bank


def test_deposit_transfer_and_withdrawal(person: Person, other: Person) -> None:
    mine, theirs = person.account(balance="100.00"), other.account()
    sent = person.json("transfer", mine["id"], theirs["number"], "25.50", "--description", "Rent")
    assert (sent["amount"], sent["to_account_id"], sent["description"]) == (2550, theirs["id"], "Rent")
    taken = other.json("withdraw", theirs["id"], "5.5")
    assert taken["balance_after"] == 2000
    assert (person.balance(mine), other.balance(theirs)) == (7450, 2000)
    assert person.pending == other.pending == []


def test_a_transfer_takes_a_reference_and_lists_show_the_other_side(person: Person, other: Person) -> None:
    mine, theirs = person.account(balance="100.00"), other.account()
    identifiers = ("--reference", "INV-0117", "--end-to-end-id", "E2E-1")
    shown = person.run("transfer", mine["id"], theirs["number"], "25.50", *identifiers).stdout
    name = other.json("statement", theirs["id"], "--format", "json")["account"]["holder_name"]
    for text in (name, theirs["number"], "INV-0117", "E2E-1"):
        assert text in shown
    sent = person.json("history", mine["id"], "--limit", "1")["items"][0]
    assert sent["counterparty"] == {"name": name, "account_number": theirs["number"]}
    assert (sent["reference"], sent["end_to_end_id"]) == ("INV-0117", "E2E-1")
    listed = person.run("history", mine["id"]).stdout
    assert "counterparty" in listed
    for text in (name, "INV-0117", "Cash"):
        assert text in listed
    assert "INV-0117" in person.run("statement", mine["id"]).stdout
    person.problem("transfer", mine["id"], theirs["number"], "1", "--reference", "Straße", code=1)
    assert person.json("deposit", mine["id"], "1", "--reference", "D-1")["reference"] == "D-1"


def test_amounts_have_the_decimals_of_their_currency(person: Person) -> None:
    yen, dinar = person.account("JPY"), person.account("KWD")
    assert person.json("deposit", yen["id"], "500")["amount"] == 500
    assert person.json("deposit", dinar["id"], "1.234")["amount"] == 1234
    shown = person.run("accounts").stdout
    assert "500 JPY" in shown
    assert "1.234 KWD" in shown


@pytest.mark.parametrize("amount", ["1.005", "1,00", "1e3", "-1", "", "one", "0x10", "\u0661", "1 000", "NaN"])
def test_an_invalid_amount_is_not_sent(person: Person, amount: str) -> None:
    account = person.account()
    person.run("deposit", "--", account["id"], amount, code=2)
    assert person.balance(account) == 0
    assert person.pending == []


def test_a_refusal_leaves_no_pending_order(person: Person) -> None:
    account = person.account(balance="10")
    problem = person.problem("withdraw", account["id"], "10.01", code=1)
    assert (problem["code"], problem["exit_code"]) == ("insufficient_funds", 1)
    assert "insufficient_funds" in person.run("withdraw", account["id"], "10.01", code=1).stderr
    assert person.pending == []
    assert person.balance(account) == 1000


def test_a_key_of_the_user_moves_money_once(person: Person) -> None:
    account = person.account(balance="100")
    first = person.json("withdraw", account["id"], "30", "--key", "rent-november")
    again = person.json("withdraw", account["id"], "30", "--key", "rent-november")
    assert first == again
    assert person.balance(account) == 7000
    assert person.problem("withdraw", account["id"], "31", "--key", "rent-november", code=1)["code"] == (
        "idempotency_key_reused"
    )
    # Without a key, the same command makes a second payment.
    person.run("withdraw", account["id"], "30")
    assert person.run("withdraw", account["id"], "30").exit_code == 0
    assert person.balance(account) == 1000


def test_staff_freeze_and_reverse(person: Person, other: Person, bank: Bank, tmp_path: Path) -> None:
    mine, theirs = person.account(balance="10"), other.account()
    sent = person.json("transfer", mine["id"], theirs["id"], "4")
    assert person.problem("reverse", sent["id"], code=1)["code"] == "forbidden"
    assert person.pending == []
    staff = Person(person.url, tmp_path / "staff", bank.employee().email)
    staff.run("login", staff.email, BANKAPP_PASSWORD=PASSWORD)
    staff.run("account", "freeze", mine["id"])
    assert person.problem("withdraw", mine["id"], "1", code=1)["code"] == "account_not_active"
    assert staff.json("reverse", sent["id"])["reverses_transfer_id"] == sent["id"]
    assert staff.problem("reverse", sent["id"], code=1)["code"] == "state_conflict"
    staff.run("account", "unfreeze", mine["id"])
    assert (person.balance(mine), other.balance(theirs)) == (1000, 0)
