"""Unfinished orders of the command line: stored before they are sent, resumed, removed."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.client.conftest import Person, withdraw_and_kill
from tests.client.wire import LOSE_ANSWER, STALL_ANSWER, STALL_REQUEST, Wire

TRANSACTIONS = "/v1/transactions"
pytestmark = [
    pytest.mark.usefixtures("without_pauses"),
    pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session"),
]


def test_the_order_is_on_disk_before_anything_is_sent(wired: Person, wire: Wire) -> None:
    account = wired.account(balance="100")
    wire.on_posts(TRANSACTIONS, STALL_REQUEST)
    withdraw_and_kill(wired, wire, account["id"])
    [file] = wired.pending
    order = json.loads(file.read_text())
    assert order["key"] == wire.posts(TRANSACTIONS)[-1].key
    assert order["body"] == {"account_id": account["id"], "type": "withdrawal", "amount": 1000, "currency": "EUR"}
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_order_survives_a_power_cut_before_it_is_sent(
    wired: Person, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = wired.account(balance="100")
    wire.requests.clear()
    synced: list[tuple[str, bool]] = []
    really = os.fsync

    def fsync(descriptor: int) -> None:
        really(descriptor)
        synced.append((Path(f"/proc/self/fd/{descriptor}").resolve().name, bool(wire.posts(TRANSACTIONS))))

    monkeypatch.setattr(os, "fsync", fsync)
    wired.run("withdraw", account["id"], "10")
    file, folder = synced[-2:]
    # The file was synced first, then its folder, and nothing was sent before.
    assert file[0].endswith(".json") or ".json." in file[0]
    assert folder == ("pending", False)
    assert len(wire.posts(TRANSACTIONS)) == 1


def test_a_request_without_a_key_is_not_retried(wired: Person, wire: Wire) -> None:
    account = wired.account()
    path = f"/v1/accounts/{account['id']}/close"
    wire.requests.clear()
    wire.on_posts(path, LOSE_ANSWER)
    assert "check before you repeat" in wired.run("account", "close", account["id"], "--yes", code=5).stderr
    assert len(wire.posts(path)) == 1
    assert wired.json("account", "show", account["id"])["status"] == "closed"


def test_an_order_of_another_user_is_not_sent(wired: Person, wire: Wire) -> None:
    account = wired.account(balance="100")
    wire.on_posts(TRANSACTIONS, *[LOSE_ANSWER] * 5)
    wired.run("withdraw", account["id"], "10", code=5)
    wired.signed_up()
    wire.requests.clear()
    assert "another user" in wired.run("resume", code=5).stdout
    assert wire.posts(TRANSACTIONS) == []
    assert len(wired.pending) == 1


def test_an_order_older_than_the_keys_is_only_removed_by_the_user(wired: Person, wire: Wire) -> None:
    account = wired.account(balance="100")
    wire.on_posts(TRANSACTIONS, *[LOSE_ANSWER] * 5)
    wired.run("withdraw", account["id"], "10", code=5)
    [file] = wired.pending
    order = json.loads(file.read_text())
    age(file, days=6.5)
    assert "Too old" in wired.run("resume", code=5).stdout
    # The same command does not finish the old order but makes a new one.
    wired.run("withdraw", account["id"], "10")
    assert wired.balance(account) == 8000
    wired.run("resume", "--forget", order["key"][:8])
    assert wired.pending == []


def age(file: Path, days: float) -> None:
    order = json.loads(file.read_text())
    file.write_text(json.dumps(order | {"made_at": time.time() - days * 86400}))


def test_ctrl_c_keeps_the_order_for_resume(wired: Person, wire: Wire) -> None:
    account = wired.account(balance="100")
    wire.on_posts(TRANSACTIONS, STALL_ANSWER)
    process = wired.start("withdraw", account["id"], "10")
    assert wire.stalled.wait(20)
    process.send_signal(subprocess.signal.SIGINT)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 5, stderr
    assert "resume" in stderr
    wired.run("resume")
    assert wired.balance(account) == 9000


def test_a_session_that_ended_meanwhile_keeps_the_order(wired: Person, wire: Wire) -> None:
    account = wired.account(balance="100")
    wire.on_posts(TRANSACTIONS, *[LOSE_ANSWER] * 5)
    wired.run("withdraw", account["id"], "10", code=5)
    wired.run("logout")
    wired.run("resume", code=3)
    assert len(wired.pending) == 1
    wired.run("login", wired.email, "--password-stdin", input="violet-otter-sings-17\n")
    wired.run("resume")
    assert wired.balance(account) == 9000
