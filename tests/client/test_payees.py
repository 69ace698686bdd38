"""Payees on the command line: saving them, verifying their names, and passing a verification on."""

from __future__ import annotations

import pytest

from tests.client.conftest import Person

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")

FOREIGN = "DE02120300000000202051"


def test_a_payee_is_added_listed_and_removed(person: Person) -> None:
    made = person.json("payees", "add", "Grace Hopper", "de02 1203 0000 0000 2020 51", "--nickname", "Landlady")
    assert (made["account_number"], made["nickname"]) == (FOREIGN, "Landlady")
    assert person.json("payees", "list")["items"] == [made]
    shown = person.run("payees", "list").stdout
    assert "Landlady" in shown
    assert FOREIGN in shown
    assert person.problem("payees", "add", "Grace", FOREIGN, code=1)["code"] == "payee_exists"
    assert person.json("payees", "remove", "202051")["id"] == made["id"]
    assert person.json("payees", "list")["items"] == []
    assert person.pending == []


@pytest.mark.parametrize("command", ["add", "verify"])
def test_a_mistyped_number_is_a_usage_error(person: Person, command: str) -> None:
    for number in ("DE02120300000000202050", "5330117"):
        assert "mistyped" in person.run("payees", command, "Grace Hopper", number, code=2).stderr


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Ada Lovelace", "The name matches: the account belongs to Ada Lovelace."),
        ("A. Lovelace", "Close match: the account belongs to Ada Lovelace."),
        ("Grace Hopper", "The name does not match"),
    ],
)
def test_a_name_is_verified(person: Person, other: Person, name: str, told: str) -> None:
    result = person.run("payees", "verify", name, other.account()["number"])
    assert told in result.stdout
    assert "--verification" in result.stderr


def test_an_account_elsewhere_cannot_be_checked(person: Person) -> None:
    assert "could not be checked" in person.run("payees", "verify", "Grace Hopper", FOREIGN).stdout


def test_a_transfer_passes_the_verification_on(person: Person, other: Person) -> None:
    source, target = person.account(balance="5.00"), other.account()
    token = person.json("payees", "verify", "Ada Lovelace", target["number"])["token"]
    person.run("transfer", source["id"], target["number"], "1.00", "--verification", token)
    [row] = person.json("audit", "--type", "transfer")["items"]
    assert row["metadata"]["payee_verification"] == "match"
    wrong = person.problem("transfer", source["id"], FOREIGN, "1.00", "--verification", token, code=1)
    assert wrong["code"] == "payee_verification_required"
