"""Run files and the tour."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import ROOT, Person
from tests.support.factories import PASSWORD

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")


@pytest.fixture
def run_file(tmp_path: Path) -> Path:
    return tmp_path / "steps.yaml"


def test_the_example_of_the_documentation(stranger: Person) -> None:
    example = str(ROOT / "docs" / "example-run.yaml")
    result = stranger.run("run", example, "--set", "email=ada@example.com", input=f"{PASSWORD}\n" * 4)
    assert "Done: 9 steps." in result.stdout
    assert "tenant $ transfer" in result.stdout
    assert "insufficient_funds" in result.stdout
    assert PASSWORD not in result.output
    answers = stranger.run("run", example, "--set", "email=ada@example.com", "--json", BANKAPP_PASSWORD=PASSWORD).stdout
    assert [item["do"] for item in json.loads(answers)["items"]][-1] == "history"


def test_missing_values_are_asked_for(person: Person, run_file: Path) -> None:
    account = person.account(balance="10")
    run_file.write_text("- do: withdraw\n  with: {account: , description: }\n  expect: {description: Coffee}\n")
    result = person.run("run", str(run_file), input=f"{account['id']}\n2.50\nCoffee\n")
    assert "Step 1, withdraw: amount" in result.stderr
    assert person.balance(account) == 750


@pytest.mark.parametrize("name", ["steps.json", "steps.yaml"])
def test_amounts_are_never_floats(person: Person, tmp_path: Path, name: str) -> None:
    account = person.account("KWD")
    step = {"do": "deposit", "with": {"account": account["id"], "amount": 0}, "expect": {"amount": "12.010"}}
    # A float would drop the last zero.
    (tmp_path / name).write_text(json.dumps([step]).replace('"amount": 0', '"amount": 12.010'))
    assert f"$ deposit {account['id']} 12.010" in person.run("run", str(tmp_path / name)).stdout


@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({"do": "withdraw", "with": {"amount": "1"}, "expect": {"amount": "2.00"}}, 1),
        ({"do": "withdraw", "with": {"amount": "1"}, "refused": "insufficient_funds"}, 1),
        ({"do": "withdraw", "with": {"amount": "100"}, "refused": "account_not_active"}, 1),
        ({"do": "withdraw", "with": {"amount": "100"}}, 1),
        ({"do": "withdraw", "with": {"amount": "1", "tip": "1"}}, 2),
        ({"do": "withdraw", "with": {"amount": "${nothing.amount}"}}, 2),
        ({"do": "withdraw", "with": {"amount": "1"}, "profile": "nobody"}, 3),
    ],
)
def test_the_first_unexpected_outcome_ends_the_run(
    person: Person, run_file: Path, step: dict[str, Any], code: int
) -> None:
    account = person.account(balance="10")
    step["with"]["account"] = account["id"]
    run_file.write_text(json.dumps([step, {"do": "account show", "with": {"account": account["id"]}, "as": "after"}]))
    assert "available" not in person.run("run", str(run_file), code=code).stdout


@pytest.mark.parametrize(
    "text",
    [
        "do: accounts",
        "- accounts",
        "- as: nothing",
        "- {do: accounts, when: never}",
        "- {do: accounts, with: [1]}",
        "- {do: account}",
        "- {do: run, with: {file: x}}",
        "- {do: transfers}",
        "- {do: [accounts]}",
        "- !!python/object/apply:os.system [true]",
        "- {do: accounts",
        "\udcff",
    ],
)
def test_an_invalid_run_file_runs_no_step(person: Person, run_file: Path, text: str) -> None:
    run_file.write_bytes(f"- do: account open\n{text}".encode(errors="surrogateescape"))
    person.run("run", str(run_file), code=2)
    assert person.json("accounts")["items"] == []


def test_an_amount_of_an_earlier_step_is_in_major_units(person: Person, run_file: Path) -> None:
    account = person.account(balance="12.30")
    run_file.write_text(
        f"""
- {{do: statement, with: {{account: {account["id"]}}}, as: statement}}
- do: withdraw
  with: {{account: {account["id"]}, amount: "${{statement.entries.0.amount}}"}}
  expect: {{balance_after: 0.00, amount: "${{statement.closing_balance}}"}}
"""
    )
    person.run("run", str(run_file))
    assert person.balance(account) == 0


def test_the_tour(stranger: Person) -> None:
    result = stranger.run("demo")
    assert "That was the tour." in result.stdout
    # The tour leaves no session, neither in the folder nor at the bank.
    assert not (stranger.home / "bankapp" / "profiles").exists()
