"""Lost answers and killed commands: retries and `resume` move money once."""

from __future__ import annotations

import json

import pytest

from tests.client.conftest import Person, withdraw_and_kill
from tests.client.wire import LOSE_ANSWER, LOSE_REQUEST, STALL_ANSWER, STALL_REQUEST, Wire

TRANSACTIONS = "/v1/transactions"
pytestmark = pytest.mark.usefixtures("without_pauses")


@pytest.mark.parametrize("lost", [LOSE_ANSWER, LOSE_REQUEST])
def test_a_lost_answer_is_retried_with_the_same_key(wired: Person, wire: Wire, lost: str) -> None:
    account = wired.account(balance="100")
    wire.requests.clear()
    wire.on_posts(TRANSACTIONS, lost, lost)
    assert wired.json("withdraw", account["id"], "10")["balance_after"] == 9000
    keys = [request.key for request in wire.posts(TRANSACTIONS)]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert wired.balance(account) == 9000
    assert wired.pending == []


@pytest.mark.parametrize("stalled", [STALL_REQUEST, STALL_ANSWER])
def test_resume_finishes_the_order_of_a_killed_command(wired: Person, wire: Wire, stalled: str) -> None:
    account = wired.account(balance="100")
    wire.on_posts(TRANSACTIONS, stalled)
    withdraw_and_kill(wired, wire, account["id"])
    assert len(wired.pending) == 1
    assert wired.balance(account) == (10000 if stalled == STALL_REQUEST else 9000)
    [row] = wired.json("resume")["items"]
    assert (row["outcome"], row["answer"]["balance_after"]) == ("done", 9000)
    assert wired.pending == []
    assert wired.balance(account) == 9000
    assert wired.json("resume") == {"items": []}


def test_a_lost_answer_has_its_own_exit_code(wired: Person, wire: Wire) -> None:
    account = wired.account(balance="100")
    wire.on_posts(TRANSACTIONS, *[LOSE_ANSWER] * 5)
    assert wired.problem("withdraw", account["id"], "10", code=5)["code"] == "outcome_unknown"
    assert "10.00 EUR" in wired.run("resume", "--list").stdout
    assert wired.json("whoami")["unfinished_orders"] == 1
    wire.on_posts(TRANSACTIONS, *[LOSE_ANSWER] * 5)
    wired.run("resume", code=5)
    wired.run("resume")
    assert wired.balance(account) == 9000


def test_the_same_command_finishes_the_earlier_order_instead_of_paying_twice(wired: Person, wire: Wire) -> None:
    account = wired.account(balance="100")
    wire.on_posts(TRANSACTIONS, *[LOSE_ANSWER] * 5)
    wired.run("withdraw", account["id"], "10", code=5)
    assert wired.run("withdraw", account["id"], "5").stderr == ""
    assert wired.balance(account) == 8500
    again = wired.run("withdraw", account["id"], "10")
    assert "earlier request was unfinished" in again.stderr
    assert wired.balance(account) == 8500
    wired.run("withdraw", account["id"], "10")
    assert wired.balance(account) == 7500


def test_the_order_of_a_running_command_is_not_resumed(wired: Person, wire: Wire) -> None:
    account = wired.account(balance="100")
    wire.on_posts(TRANSACTIONS, STALL_ANSWER)
    process = wired.start("withdraw", account["id"], "10")
    try:
        assert wire.stalled.wait(20)
        [row] = json.loads(wired.run("--json", "resume", code=5).stdout)["items"]
        assert row["outcome"] == "unfinished"
        # The same payment during the running one is a second payment.
        wired.run("withdraw", account["id"], "10")
        assert wired.balance(account) == 8000
    finally:
        process.kill()
        process.communicate()
    wired.run("resume")
    assert wired.balance(account) == 8000


def test_no_order_is_kept_when_nothing_was_sent(person: Person) -> None:
    account = person.account(balance="100")
    nowhere = "http://127.0.0.1:9"
    tokens = person.folder / "tokens.json"
    tokens.write_text(tokens.read_text().replace(person.url, nowhere))
    # The command reads the account before it makes an order, and that read fails.
    assert person.problem("withdraw", account["id"], "10", "--url", nowhere, code=4)["code"] == "unreachable"
    assert person.problem("account", "open", "--url", nowhere, code=4)["code"] == "unreachable"
    assert person.pending == []
