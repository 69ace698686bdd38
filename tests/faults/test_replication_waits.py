"""A commit that the synchronous standby did not confirm is not acknowledged, and neither is its replay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from werkzeug.test import TestResponse

from bankapp.db import replication
from bankapp.extensions import db as extension
from tests.support.books import faults
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.servers import until
from tests.support.standby import MissingStandby

QUICK_SECONDS = 0.5
SAVINGS = {"type": "savings", "currency": "EUR"}


@pytest.fixture
def standby(postgres_url: str, admin: psycopg.Connection[Any]) -> Iterator[MissingStandby]:
    missing = MissingStandby(postgres_url, admin)
    yield missing
    missing.restore()


@pytest.fixture
def bank(standby: MissingStandby, bank_on: Callable[..., Bank], postgres_url: str) -> Bank:
    assert standby, "connections must be made after it"
    return bank_on(postgres_url)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give up a wait for the standby after ``QUICK_SECONDS``."""
    monkeypatch.setattr(replication, "LIMIT_SECONDS", QUICK_SECONDS)


@contextmanager
def lost_at(bank: Bank, standby: MissingStandby, words: str) -> Iterator[None]:
    """Lose the standby before the first statement with these words."""
    with bank.app.app_context():
        engine = extension.engine
    is_lost = False

    def lose(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal is_lost
        if words in statement and not is_lost:
            is_lost = True
            standby.lose()

    event.listen(engine, "before_cursor_execute", lose)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", lose)
    assert is_lost


def unknown(reply: TestResponse) -> None:
    problem = refused(reply, 503, "unavailable")
    assert "did not confirm the outcome" in problem["detail"]
    assert int(reply.headers["Retry-After"]) > 0


def assert_clean(bank: Bank, admin: psycopg.Connection[Any]) -> None:
    assert faults(bank.app) == []
    assert admin.execute("SELECT count(*) FROM audit_logs WHERE status = 'pending'").fetchone() == (0,)


def batch(ada: Caller, source: dict[str, Any], target: dict[str, Any], key: str) -> TestResponse:
    one = {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 30, "currency": "EUR"}
    return ada.post("/transfers/batch", {"transfers": [one, one]}, key=key)


# Each is sent with one key, moves 60 or opens an account, and stores that in a statement with these words.
COMMANDS = {
    "transfer": ("INTO transfers", lambda ada, source, target: ada.transfer(source, target, 60, key="k")),
    "deposit": ("INTO transactions", lambda ada, source, _: ada.move(source, 60, "deposit", key="k")),
    "batch": ("INTO transfers", lambda ada, source, target: batch(ada, source, target, "k")),
    "opening": ("INTO accounts", lambda ada, *_: ada.post("/accounts", SAVINGS, key="k")),
}


def state(ada: Caller, source: dict[str, Any]) -> tuple[int, int]:
    """Return the balance of ``source`` and the number of accounts."""
    return ada.balance(source), len(ok(ada.get("/accounts"))["items"])


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("command", COMMANDS)
def test_money_without_a_standby_is_not_acknowledged_before_it_is_replicated(
    bank: Bank, standby: MissingStandby, admin: psycopg.Connection[Any], command: str
) -> None:
    words, send = COMMANDS[command]
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    before = state(ada, source)
    with lost_at(bank, standby, words):
        unknown(send(ada, source, target))
    committed = state(ada, source)
    assert committed != before, "the primary has committed"
    unknown(send(ada, source, target))
    standby.restore()
    again = send(ada, source, target)
    assert again.status_code in (200, 201)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert state(ada, source) == committed
    assert_clean(bank, admin)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_moves_where_the_claim_is_not_replicated(
    bank: Bank, standby: MissingStandby, admin: psycopg.Connection[Any], command: str
) -> None:
    _, send = COMMANDS[command]
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    before = state(ada, source)
    standby.lose()
    unknown(send(ada, source, target))
    assert state(ada, source) == before
    standby.restore()
    first, again = send(ada, source, target), send(ada, source, target)
    assert first.status_code in (200, 201)
    assert "Idempotent-Replayed" not in first.headers
    assert again.data == first.data
    assert_clean(bank, admin)


@pytest.mark.usefixtures("quick")
def test_a_refusal_is_not_final_before_it_is_replicated(
    bank: Bank, standby: MissingStandby, admin: psycopg.Connection[Any]
) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=10), bob.account()
    with lost_at(bank, standby, "UPDATE audit_logs"):
        unknown(ada.transfer(source, target, 60, key="rent"))
    unknown(ada.transfer(source, target, 60, key="rent"))
    standby.restore()
    again = ada.transfer(source, target, 60, key="rent")
    refused(again, 422, "insufficient_funds")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert_clean(bank, admin)


@pytest.mark.parametrize("function", ["pg_cancel_backend", "pg_terminate_backend"])
@pytest.mark.parametrize("command", ["transfer", "deposit"])
def test_a_wait_that_an_administrator_ends_is_not_an_acknowledgement(
    bank: Bank, standby: MissingStandby, admin: psycopg.Connection[Any], command: str, function: str
) -> None:
    words, send = COMMANDS[command]
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    with lost_at(bank, standby, words), ThreadPoolExecutor(1) as pool:
        reply = pool.submit(send, ada, source, target)
        until(lambda: len(standby.waiting()) == 1)
        admin.execute(f"SELECT {function}(%s)", standby.waiting())  # type: ignore[arg-type]  # a name from above
        unknown(reply.result())
    standby.restore()
    assert send(ada, source, target).headers["Idempotent-Replayed"] == "true"
    assert_clean(bank, admin)


def test_a_commit_is_acknowledged_when_the_standby_returns_in_time(bank: Bank, standby: MissingStandby) -> None:
    ada = bank.customer()
    account = ada.account()
    standby.lose()
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(ada.move, account, 70, "deposit", key="wage")
        until(lambda: len(standby.waiting()) == 1)
        assert not reply.done()
        standby.restore()
        ok(reply.result(), 201)
    assert ada.balance(account) == 70
