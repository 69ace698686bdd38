"""Concurrent clients against several workers: the ledger stays sound and no client gets a 5xx.

On PostgreSQL the workers' threads hold many connections; on SQLite the workers are processes that
share one file.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.support.books import faults
from tests.support.factories import Caller, ok
from tests.support.servers import RemoteBank, at_once

Json = dict[str, Any]
FUNDS = (422, "insufficient_funds")
NOT_ACTIVE = (422, "account_not_active")
NOT_PAYABLE = (422, "payee_not_payable")
NOT_EMPTY = (409, "account_not_empty")
CONFLICT = (409, "state_conflict")


@pytest.fixture(autouse=True)
def _verify_the_ledger(remote_bank: RemoteBank) -> Any:
    yield
    assert faults(remote_bank.app) == []


def outcomes(replies: Iterable[Any]) -> Counter[Any]:
    """Count the replies by status, refusals by status and code."""
    return Counter(
        (reply.status_code, reply.get_json()["code"]) if reply.status_code >= 400 else reply.status_code
        for reply in replies
    )


def test_one_of_sixteen_concurrent_withdrawals_is_made(remote_bank: RemoteBank) -> None:
    ada = remote_bank.customer()
    account = ada.account(balance=1_000)
    replies = at_once([lambda: ada.move(account, 900, "withdrawal")] * 16)
    assert outcomes(replies) == {201: 1, FUNDS: 15}
    assert ada.balance(account) == 100


def test_one_of_sixteen_concurrent_transfers_is_made(remote_bank: RemoteBank) -> None:
    ada, bob = remote_bank.customer(), remote_bank.customer()
    source, target = ada.account(balance=1_000), bob.account()
    replies = at_once([lambda: ada.transfer(source, target, 900)] * 16)
    assert outcomes(replies) == {201: 1, FUNDS: 15}
    assert (ada.balance(source), bob.balance(target)) == (100, 900)


def test_opposite_transfers_over_four_accounts_keep_the_total(remote_bank: RemoteBank) -> None:
    ada = remote_bank.customer()
    accounts = [ada.account(balance=1_000) for _ in range(4)]
    pairs = list(itertools.islice(itertools.cycle(itertools.permutations(accounts, 2)), 32))

    def transfer(source: Json, target: Json) -> Callable[[], Any]:
        return lambda: ada.transfer(source, target, 300)

    replies = at_once([transfer(*pair) for pair in pairs])
    assert set(outcomes(replies)) <= {201, FUNDS}
    assert sum(ada.balance(account) for account in accounts) == 4_000


def test_opposite_batches_over_four_accounts_keep_the_total(remote_bank: RemoteBank) -> None:
    ada = remote_bank.customer()
    accounts = [ada.account(balance=1_000) for _ in range(4)]

    def batch(ordered: tuple[Json, ...]) -> Callable[[], Any]:
        sides = itertools.pairwise(ordered)
        orders = [
            {"from_account_id": source["id"], "to_account_id": target["id"], "amount": 50, "currency": "EUR"}
            for source, target in sides
        ]
        return lambda: ada.post("/transfers/batch", {"transfers": orders})

    replies = at_once([batch(ordered) for ordered in list(itertools.permutations(accounts))[:16]])
    assert outcomes(replies) == {200: 16}
    assert sum(ada.balance(account) for account in accounts) == 4_000


def test_a_close_or_the_concurrent_transfer_succeeds(remote_bank: RemoteBank) -> None:
    ada, bob = remote_bank.customer(), remote_bank.customer()
    source = ada.account(balance=1_000)
    targets = [bob.account() for _ in range(8)]

    def close(target: Json) -> Callable[[], Any]:
        return lambda: bob.post(f"/accounts/{target['id']}/close")

    def pay(target: Json) -> Callable[[], Any]:
        return lambda: ada.transfer(source, target, 10)

    replies = at_once([race(target) for target in targets for race in (close, pay)])
    pairs = [outcomes(pair) for pair in zip(replies[::2], replies[1::2], strict=True)]
    assert all(pair in ({200: 1, NOT_PAYABLE: 1}, {NOT_EMPTY: 1, 201: 1}) for pair in pairs), pairs
    paid = sum(pair[201] for pair in pairs)
    assert ada.balance(source) == 1_000 - 10 * paid
    assert sum(bob.balance(target) for target in targets) == 10 * paid


def test_a_freeze_refuses_or_follows_concurrent_transfers(remote_bank: RemoteBank) -> None:
    ada, bob, staff = remote_bank.customer(), remote_bank.customer(), remote_bank.employee()
    source, target = ada.account(balance=1_000), bob.account()
    freeze = [lambda: staff.post(f"/accounts/{source['id']}/freeze")] * 2
    pay = [lambda: ada.transfer(source, target, 10)] * 14
    found = outcomes(at_once([*pay[:7], *freeze, *pay[7:]]))
    assert (found[200], found[CONFLICT]) == (1, 1), found
    assert found[201] + found[NOT_ACTIVE] == 14, found
    assert outcomes([ada.transfer(source, target, 10)]) == {NOT_ACTIVE: 1}
    assert (ada.balance(source), bob.balance(target)) == (1_000 - 10 * found[201], 10 * found[201])


def test_one_of_eight_concurrent_reversals_is_made(remote_bank: RemoteBank) -> None:
    ada, bob, staff = remote_bank.customer(), remote_bank.customer(), remote_bank.employee()
    source, target = ada.account(balance=1_000), bob.account(balance=9_000)
    transfer = ok(ada.transfer(source, target, 700), 201)
    replies = at_once([lambda: staff.post(f"/transfers/{transfer['id']}/reversal")] * 8)
    assert outcomes(replies) == {201: 1, CONFLICT: 7}
    assert (ada.balance(source), bob.balance(target)) == (1_000, 9_000)


def test_a_reversal_or_the_receivers_withdrawal_is_made(remote_bank: RemoteBank) -> None:
    ada, bob, staff = remote_bank.customer(), remote_bank.customer(), remote_bank.employee()
    source, target = ada.account(balance=1_000), bob.account()
    transfer = ok(ada.transfer(source, target, 700), 201)

    def spend(caller: Caller) -> Any:
        return caller.move(target, 700, "withdrawal")

    replies = at_once([lambda: staff.post(f"/transfers/{transfer['id']}/reversal"), lambda: spend(bob)])
    assert outcomes(replies) == {201: 1, FUNDS: 1}
    assert bob.balance(target) == 0
