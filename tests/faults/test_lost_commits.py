"""A connection that breaks at a commit answers 503, and a retry with the same key returns the outcome.

A request with a key commits twice: first its claim, in one statement, then the money with the answer, or the
refusal. A transfer stores its money in one statement, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.books import faults
from tests.support.factories import Bank, ok, refused
from tests.support.proxy import COMMIT, Cutter

CLAIM, TRANSFER, MONEY = b"INTO idempotency_keys", b"INTO transfers", COMMIT


@pytest.fixture
def proxy(postgres_url: str) -> Iterator[Cutter]:
    with Cutter(urlsplit(postgres_url).port or 5432) as running:
        yield running


@pytest.fixture
def bank(bank_on: Callable[..., Bank], postgres_url: str, proxy: Cutter) -> Bank:
    parts = urlsplit(postgres_url)
    netloc = parts.netloc.rpartition("@")[0] + f"@127.0.0.1:{proxy.port}"
    return bank_on(parts._replace(netloc=netloc).geturl(), idempotency_lease=timedelta(hours=1))


def audited(bank: Bank) -> list[tuple[str, str | None]]:
    rows = ok(bank.employee("admin").get("/audit-logs?event_type=transfer"))["items"]
    return [(row["status"], row["metadata"].get("code")) for row in rows]


def assert_unavailable(reply: Any, proxy: Cutter) -> None:
    refused(reply, 503, "unavailable")
    assert int(reply.headers["Retry-After"]) > 0
    assert proxy.cuts == 1


@pytest.mark.parametrize("delivered", [True, False])
@pytest.mark.parametrize("commit", [CLAIM, TRANSFER])
def test_a_retry_of_a_transfer_returns_the_outcome_of_a_lost_statement(
    bank: Bank, proxy: Cutter, commit: bytes, delivered: bool
) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    proxy.cut(commit, delivered=delivered)
    assert_unavailable(ada.transfer(source, target, 60, key="rent"), proxy)
    moved = commit == TRANSFER and delivered
    assert ada.balance(source) == (40 if moved else 100)
    again = ada.transfer(source, target, 60, key="rent")
    assert ok(again, 201)["amount"] == 60
    assert ("Idempotent-Replayed" in again.headers) == moved
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
    failed = [] if moved or (commit == CLAIM and not delivered) else [("failure", "unavailable")]
    assert audited(bank) == [("success", None), *failed]
    assert faults(bank.app) == []


@pytest.mark.parametrize("delivered", [True, False])
def test_a_retry_of_a_deposit_returns_the_outcome_of_a_lost_commit(bank: Bank, proxy: Cutter, delivered: bool) -> None:
    ada = bank.customer()
    account = ada.account()
    proxy.cut(MONEY, delivered=delivered)
    assert_unavailable(ada.move(account, 70, "deposit", key="wage"), proxy)
    assert ada.balance(account) == (70 if delivered else 0)
    again = ada.move(account, 70, "deposit", key="wage")
    assert ok(again, 201)["balance_after"] == 70
    assert ("Idempotent-Replayed" in again.headers) == delivered
    assert ada.balance(account) == 70
    assert faults(bank.app) == []


@pytest.mark.parametrize("delivered", [True, False])
def test_a_refusal_is_not_answered_before_it_is_stored(bank: Bank, proxy: Cutter, delivered: bool) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=10), bob.account()
    proxy.cut(MONEY, delivered=delivered)
    assert_unavailable(ada.transfer(source, target, 60, key="rent"), proxy)
    again = ada.transfer(source, target, 60, key="rent")
    if delivered:
        assert "Idempotent-Replayed" in again.headers
        refused(again, 422, "insufficient_funds")
    else:
        # The first attempt may still run, so the key stays in flight until the lease ends.
        refused(again, 409, "idempotency_in_flight")


def test_a_lost_commit_without_a_key_answers_503_and_the_history_has_it(bank: Bank, proxy: Cutter) -> None:
    ada = bank.customer()
    account = ada.account()
    proxy.cut(MONEY, delivered=True)
    assert_unavailable(ada.move(account, 70, "deposit"), proxy)
    assert [row["amount"] for row in ok(ada.get(f"/transactions?account_id={account['id']}"))["items"]] == [70]
    assert ada.balance(account) == 70


def test_a_refused_part_of_a_batch_is_audited_once_after_a_lost_commit(bank: Bank, proxy: Cutter) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    parts = {"from_account_id": source["id"], "to_account_id": target["id"], "currency": "EUR"}
    orders = {"atomic": False, "transfers": [parts | {"amount": 60}, parts | {"amount": 500}]}
    proxy.cut(MONEY, delivered=True)
    assert_unavailable(ada.post("/transfers/batch", orders, key="wages"), proxy)
    again = ada.post("/transfers/batch", orders, key="wages")
    assert (ok(again)["posted"], again.headers["Idempotent-Replayed"]) == (1, "true")
    assert audited(bank) == [("failure", "insufficient_funds")]
    assert ada.balance(source) == 40
    assert faults(bank.app) == []
