"""Commands that show things: accounts, cards, history, statements, the audit log."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bankapp.client.cells import cell
from tests.client.conftest import Person
from tests.support import older

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")


def test_accounts_open_show_and_close(person: Person) -> None:
    assert "no account yet" in person.run("accounts").stderr
    account = person.account(balance="1234.5")
    assert "1,234.50 EUR" in person.run("accounts").stdout
    person.run("account", "close", account["id"], "--yes", code=1)
    person.run("withdraw", account["id"], "1234.50")
    assert person.run("account", "close", account["id"], input="n\n", code=130).exit_code
    person.run("account", "close", account["id"], input="y\n")
    assert person.json("account", "show", account["id"])["status"] == "closed"
    assert person.problem("account", "freeze", account["id"], code=1)["code"] == "forbidden"


def test_an_account_gets_a_name(person: Person) -> None:
    account = person.json("account", "open", "--name", "Holidays")
    assert account["name"] == "Holidays"
    assert person.json("account", "name", account["id"], "Sea")["name"] == "Sea"
    assert "Sea" in person.run("accounts").stdout
    assert person.json("account", "name", account["id"], "")["name"] is None


def test_an_account_is_found_by_any_unique_part(person: Person) -> None:
    first, second = person.account(), person.account()
    number = first["number"]
    spaced = " ".join(number[i : i + 4] for i in range(0, len(number), 4))
    for reference in (first["id"], number, number.lower(), spaced, number[-8:], first["id"][-12:]):
        assert person.json("account", "show", reference)["id"] == first["id"]
    assert "2 of your accounts match" in person.run("account", "show", first["id"][:6], code=2).stderr
    person.run("account", "show", "9", code=2)
    person.run("account", "show", "zzzz", code=2)
    assert person.problem("transfer", first["id"], second["id"], "1", code=1)["code"] == "insufficient_funds"


def test_a_mistyped_iban_is_refused_before_a_request(person: Person) -> None:
    account = person.account(balance="5")
    number = account["number"]
    wrong = number[:-1] + ("1" if number[-1] == "0" else "0")
    assert "check digits" in person.run("transfer", account["id"], wrong, "1", code=2).stderr


def test_a_card_from_issue_to_end(person: Person) -> None:
    account = person.account()
    card = person.json("cards", "issue", account["id"])
    assert len(card["pan"]) == 16
    assert person.json("cards", "list", "--account", account["id"])["items"][0]["last4"] == card["last4"]
    assert card["pan"] not in person.run("cards", "list").stdout
    assert person.json("cards", "block", card["last4"])["status"] == "blocked"
    assert person.problem("cards", "block", card["id"], code=1)["code"] == "state_conflict"
    assert person.json("cards", "unblock", card["id"][-12:])["status"] == "active"
    person.run("cards", "terminate", card["id"], "--yes")
    assert person.json("cards", "list")["items"][0]["status"] == "terminated"
    assert "Write the card number" in person.run("cards", "issue", account["id"]).stderr


def test_a_card_number_is_shown_once(person: Person) -> None:
    account = person.account()
    assert person.json("cards", "issue", account["id"], "--key", "first-card")["pan"]
    assert person.json("cards", "issue", account["id"], "--key", "first-card")["pan"] is None


def test_history_is_filtered_and_paged(person: Person) -> None:
    account = person.account()
    for amount in ("1", "2", "3", "4"):
        person.run("deposit", account["id"], amount)
    person.run("withdraw", account["id"], "2.50", "--description", "Coffee")
    newest = person.json("history", account["id"], "--limit", "2")
    assert [item["amount"] for item in newest["items"]] == [250, 400]
    rest = person.json("history", account["id"], "--cursor", newest["next_cursor"], "--all")
    assert [item["amount"] for item in rest["items"]] == [300, 200, 100]
    assert rest["next_cursor"] is None
    found = person.json("history", account["id"], "--type", "deposit", "--min", "2", "--max", "3.00")["items"]
    assert [item["amount"] for item in found] == [300, 200]
    assert person.json("history", "--to", "2020-01-01")["items"] == []
    assert len(person.json("history", "--from", "2020-01-01")["items"]) == 5
    person.run("history", "--min", "2", code=2)
    assert "Coffee" in person.run("history").stdout
    assert "There are more" in person.run("history", "--limit", "1").stderr


def test_statements_as_tables_and_files(person: Person, tmp_path: Path) -> None:
    account = person.account(balance="12.34")
    shown = person.run("statement", account["id"]).stdout
    assert "Ada Lovelace" in shown
    assert shown.count("12.34 EUR") == 4  # closing balance, total credits, and the entry's amount and balance
    assert "1234" not in shown.replace(account["number"], "")
    assert person.json("statement", account["id"])["closing_balance"] == 1234
    assert "12.34" in person.run("statement", account["id"], "--format", "csv").stdout
    person.run("statement", account["id"], "--format", "pdf", "--output", str(tmp_path / "statement.pdf"))
    assert (tmp_path / "statement.pdf").read_bytes().startswith(b"%PDF-")
    folder = tmp_path / "folder"
    folder.mkdir()
    made = person.json("statement", account["id"], "--format", "camt053", "--output", str(folder))
    assert [str(path) for path in folder.iterdir()] == [made["file"]]
    assert Path(made["file"]).stat().st_size == made["bytes"]
    refused = person.problem("statement", account["id"], "--from", "2026-02-01", "--to", "2026-01-01", code=1)
    assert refused["code"] == "validation_error"
    person.run("statement", account["id"], "--format", "csv", "--output", "/dev/null")
    assert Path("/dev/null").is_char_device()


def test_the_audit_log(person: Person) -> None:
    person.account(balance="1")
    events = [item["event_type"] for item in person.json("audit", "--all")["items"]]
    assert {"login", "account_open", "deposit"} <= set(events)
    assert {item["event_type"] for item in person.json("audit", "--type", "login")["items"]} == {"login"}
    assert "success" in person.run("audit").stdout


def test_foreign_text_cannot_control_the_terminal(person: Person, other: Person) -> None:
    mine, theirs = person.account(balance="1"), other.account()
    with older.any_text():
        person.run("transfer", mine["id"], theirs["id"], "1", "--description", "[red]pay[/red] :bomb: \u202egnp")
    assert "[red]pay[/red] :bomb: \ufffdgnp" in other.run("history").stdout
    assert cell({"x": "a\x1b[2Jb\r\nc"}, "x").plain == "a\ufffd[2Jb\ufffd\nc"


def test_a_closed_pipe_is_no_failure(person: Person) -> None:
    person.account()
    reader, writer = os.pipe()
    os.close(reader)
    for args in (("accounts",), ("accounts", "--json")):
        process = person.start(*args, stdout=writer)
        _, stderr = process.communicate(timeout=30)
        assert (process.returncode, stderr) == (0, "")
    os.close(writer)


def test_json_problems_go_to_standard_error(person: Person) -> None:
    result = person.run("accounts", "--json", "--cursor", "nonsense", code=1)
    assert result.stdout == ""
    assert json.loads(result.stderr)["errors"] == {"cursor": ["Not a cursor of this list."]}
    assert "cursor: Not a cursor" in person.run("accounts", "--cursor", "nonsense", code=1).stderr
