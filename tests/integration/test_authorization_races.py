"""Concurrent requests on one hold or card: one wins, the others get an error, and the ledger stays sound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from werkzeug.test import TestResponse

from bankapp import clock
from bankapp.services import authorizations
from tests.support.factories import Bank, Caller, ok

ROUNDS = 6


@pytest.fixture
def shopper(bank: Bank) -> tuple[Caller, dict[str, Any], dict[str, Any]]:
    ada = bank.customer()
    account = ada.account(balance=1_000_000)
    return ada, account, ada.card(account)


def at_once(bank: Bank, ada: Caller, *calls: Callable[[Caller], Any]) -> list[Any]:
    """Make the calls at the same moment, each from a separate client, and return their answers."""
    ready = threading.Barrier(len(calls))
    answers: list[Any] = [None] * len(calls)

    def run(index: int, call: Callable[[Caller], Any]) -> None:
        caller = Caller(bank.app.test_client(), tokens=ada.tokens)
        ready.wait()
        answers[index] = call(caller)

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def statuses(answers: list[TestResponse]) -> list[int]:
    return sorted(answer.status_code for answer in answers)


def ending(hold: dict[str, Any], how: str) -> Callable[[Caller], TestResponse]:
    return lambda caller: caller.post(f"/authorizations/{hold['id']}/{how}")


@pytest.mark.parametrize("ways", [("capture",) * 4, ("void",) * 4, ("capture", "void")], ids="-".join)
def test_concurrent_captures_and_voids_end_a_hold_once(
    bank: Bank, shopper: tuple[Caller, dict[str, Any], dict[str, Any]], ways: tuple[str, ...]
) -> None:
    ada, account, card = shopper
    taken = 0
    for _ in range(ROUNDS):
        hold = ada.hold(card, 100)
        answers = at_once(bank, ada, *(ending(hold, way) for way in ways))
        assert statuses(answers) == [200] + [409] * (len(ways) - 1)
        ended = ok(ada.get(f"/authorizations/{hold['id']}"))
        [winner] = [answer for answer in answers if answer.status_code == 200]
        assert winner.get_json() == ended
        taken += ended["captured_amount"]
        assert ada.balances(account) == (1_000_000 - taken, 1_000_000 - taken)
    purchases = ok(ada.get(f"/transactions?account_id={account['id']}&type=card_purchase"))["items"]
    assert sum(row["amount"] for row in purchases) == taken


@pytest.mark.parametrize("how", ["capture", "void"])
def test_a_hold_is_either_ended_or_expires(
    bank: Bank,
    shopper: tuple[Caller, dict[str, Any], dict[str, Any]],
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ada, account, card = shopper

    def expire(_: Caller) -> int:
        with bank.app.app_context():
            return authorizations.expire()

    endings: set[str] = set()
    # The delays go from long before to just after the expiry, so that in one round both end the hold at once.
    for milliseconds in range(0, 40, 4):
        with monkeypatch.context() as patch:
            lifetime = timedelta(milliseconds=milliseconds)
            patch.setitem(bank.app.config, "BANKAPP", bank.app.config["BANKAPP"].with_changes(hold_lifetime=lifetime))
            hold = ada.hold(card, 100)
        answer, *_ = at_once(bank, ada, ending(hold, how), expire, expire)
        ended = ok(ada.get(f"/authorizations/{hold['id']}"))
        if ended["status"] == "expired":
            assert answer.status_code == 409
            assert clock.from_text(ended["finished_at"]) == clock.from_text(hold["expires_at"])
        else:
            assert (answer.status_code, ended["status"]) == (200, {"capture": "captured", "void": "voided"}[how])
        endings.add(ended["status"])
    taken = sum(row["captured_amount"] for row in ok(ada.get("/authorizations"))["items"])
    assert ada.balances(account) == (1_000_000 - taken, 1_000_000 - taken)
    assert "expired" in endings


def test_nothing_is_authorized_once_a_card_is_blocked(
    bank: Bank, shopper: tuple[Caller, dict[str, Any], dict[str, Any]]
) -> None:
    ada, account, card = shopper
    held = 0
    for _ in range(ROUNDS):
        authorization, block = at_once(
            bank,
            ada,
            lambda caller: caller.authorize(card, 100),
            lambda caller: caller.post(f"/cards/{card['id']}/block"),
        )
        assert block.status_code == 200
        assert authorization.status_code in (201, 409)
        held += 100 * (authorization.status_code == 201)
        assert ada.authorize(card, 100).status_code == 409
        assert ada.balances(account) == (1_000_000, 1_000_000 - held)
        ok(ada.post(f"/cards/{card['id']}/unblock"))


def test_holds_and_transfers_share_the_money_without_overdraft(bank: Bank) -> None:
    ada = bank.customer()
    account, other = ada.account(balance=500), ada.account()
    cards = [ada.card(account) for _ in range(3)]
    answers = at_once(
        bank,
        ada,
        *(lambda caller, card=card: caller.authorize(card, 200) for card in cards),
        *(lambda caller: caller.transfer(account, other, 200) for _ in range(3)),
    )
    assert statuses(answers) == [201, 201, 422, 422, 422, 422]
    assert ada.balances(account)[1] == 100


def test_concurrent_authorizations_share_the_daily_limit(
    bank: Bank, shopper: tuple[Caller, dict[str, Any], dict[str, Any]]
) -> None:
    ada, account, card = shopper
    ok(ada.request("PUT", f"/cards/{card['id']}/limits", json={"per_authorization": None, "per_day": 500}))
    answers = at_once(bank, ada, *(lambda caller: caller.authorize(card, 200) for _ in range(5)))
    assert statuses(answers) == [201, 201, 422, 422, 422]
    assert ada.balances(account) == (1_000_000, 999_600)
