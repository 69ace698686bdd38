"""Card authorizations: hold, capture, void and expiry as the owner sees them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bankapp import clock
from tests.support import clocks
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.statements import statements


def shopper(bank: Bank, balance: int = 1_000) -> tuple[Caller, dict[str, Any], dict[str, Any]]:
    ada = bank.customer()
    account = ada.account(balance=balance)
    return ada, account, ada.card(account)


def test_a_hold_lowers_only_the_available_balance(bank: Bank) -> None:
    ada, account, card = shopper(bank)
    hold = ada.hold(card, 300)
    assert (
        hold.items()
        >= {
            "card_id": card["id"],
            "account_id": account["id"],
            "amount": 300,
            "captured_amount": 0,
            "currency": "EUR",
            "merchant": "Corner Bookshop",
            "status": "pending",
            "decline_reason": None,
            "finished_at": None,
        }.items()
    )
    lifetime = clock.from_text(hold["expires_at"]) - clock.from_text(hold["created_at"])
    assert lifetime == timedelta(days=7)
    assert ada.balances(account) == (1_000, 700)
    assert len(ok(ada.get(f"/transactions?account_id={account['id']}"))["items"]) == 1
    assert ok(ada.get(f"/authorizations/{hold['id']}")) == hold


@pytest.mark.parametrize("spend", ["withdrawal", "transfer", "authorization"])
def test_held_money_cannot_be_spent(bank: Bank, spend: str) -> None:
    ada, account, card = shopper(bank)
    other = ada.account()
    ada.hold(card, 300)

    def attempt(amount: int) -> Any:
        if spend == "withdrawal":
            return ada.move(account, amount, "withdrawal")
        if spend == "transfer":
            return ada.transfer(account, other, amount)
        return ada.authorize(card, amount)

    refused(attempt(701), 422, "insufficient_funds")
    ok(attempt(700), 201)
    assert ada.balances(account)[1] == 0


def test_several_holds_add_up(bank: Bank) -> None:
    ada, account, card = shopper(bank)
    holds = [ada.hold(card, amount) for amount in (100, 200, 300)]
    assert ada.balances(account) == (1_000, 400)
    ok(ada.post(f"/authorizations/{holds[1]['id']}/void"))
    assert ada.balances(account) == (1_000, 600)


@pytest.mark.parametrize(("body", "taken"), [(None, 300), ({}, 300), ({"amount": 120}, 120), ({"amount": 300}, 300)])
def test_a_capture_posts_a_purchase_and_releases_the_rest(bank: Bank, body: Any, taken: int) -> None:
    ada, account, card = shopper(bank)
    hold = ada.hold(card, 300)
    captured = ok(ada.post(f"/authorizations/{hold['id']}/capture", body))
    assert (captured["status"], captured["captured_amount"], captured["amount"]) == ("captured", taken, 300)
    assert captured["finished_at"] is not None
    assert ada.balances(account) == (1_000 - taken, 1_000 - taken)
    newest = ok(ada.get(f"/transactions?account_id={account['id']}"))["items"][0]
    assert (
        newest.items()
        >= {
            "type": "card_purchase",
            "amount": taken,
            "balance_after": 1_000 - taken,
            "description": "Corner Bookshop",
            "transfer_id": None,
        }.items()
    )
    purchases = ok(ada.get(f"/transactions?account_id={account['id']}&type=card_purchase"))["items"]
    assert purchases == [newest]


def test_a_capture_takes_no_more_than_the_hold(bank: Bank) -> None:
    ada, account, card = shopper(bank)
    hold = ada.hold(card, 300)
    problem = refused(ada.post(f"/authorizations/{hold['id']}/capture", {"amount": 301}), 422, "validation_error")
    assert "300" in problem["errors"]["amount"][0]
    assert ada.balances(account) == (1_000, 700)


@pytest.mark.parametrize("body", [{"amount": 0}, {"amount": "1"}, {"amount": None}, {"sum": 1}, {"amount": 10**12 + 1}])
def test_a_capture_of_an_invalid_amount_is_refused(bank: Bank, body: dict[str, Any]) -> None:
    ada, account, card = shopper(bank)
    hold = ada.hold(card, 300)
    refused(ada.post(f"/authorizations/{hold['id']}/capture", body), 422, "validation_error")
    assert ada.balances(account) == (1_000, 700)


def test_a_void_releases_the_whole_hold(bank: Bank) -> None:
    ada, account, card = shopper(bank)
    hold = ada.hold(card, 300)
    voided = ok(ada.post(f"/authorizations/{hold['id']}/void"))
    assert (voided["status"], voided["captured_amount"]) == ("voided", 0)
    assert ada.balances(account) == (1_000, 1_000)


@pytest.mark.parametrize("first", ["capture", "void"])
@pytest.mark.parametrize("second", ["capture", "void"])
def test_a_hold_ends_once(bank: Bank, first: str, second: str) -> None:
    ada, account, card = shopper(bank)
    hold = ada.hold(card, 300)
    ok(ada.post(f"/authorizations/{hold['id']}/{first}"))
    before = ada.balances(account)
    refused(ada.post(f"/authorizations/{hold['id']}/{second}"), 409, "state_conflict")
    assert ada.balances(account) == before


def test_a_retry_with_the_same_key_changes_nothing(bank: Bank) -> None:
    ada, account, card = shopper(bank)
    first, again = (ada.authorize(card, 300, key="shop-1") for _ in range(2))
    assert first.data == again.data
    path = f"/authorizations/{first.get_json()['id']}/capture"
    captures = [ada.post(path, {"amount": 100}, key="take-1") for _ in range(2)]
    assert captures[0].data == captures[1].data
    assert captures[1].headers["Idempotent-Replayed"] == "true"
    assert ada.balances(account) == (900, 900)


@pytest.mark.parametrize("what", ["capture", "void"])
def test_an_overdue_hold_counts_as_expired_before_the_cleanup(bank: Bank, what: str) -> None:
    ada, account, card = shopper(bank)
    with clocks.at(clocks.ago(days=8)):
        old = ada.hold(card, 300)
    ada.hold(card, 50)
    assert ada.balances(account) == (1_000, 950)
    listed = ok(ada.get("/accounts"))["items"]
    assert [row["available_balance"] for row in listed] == [950]
    expired = ok(ada.get(f"/authorizations/{old['id']}"))
    assert (expired["status"], expired["finished_at"]) == ("expired", old["expires_at"])
    refused(ada.post(f"/authorizations/{old['id']}/{what}"), 409, "state_conflict")
    ok(ada.move(account, 950, "withdrawal"), 201)


def test_expire_releases_overdue_holds_only(fresh_bank: Bank) -> None:
    ada, account, card = shopper(fresh_bank)
    recent = ada.hold(card, 50)
    with clocks.at(clocks.ago(days=8)):
        old = [ada.hold(card, amount) for amount in (100, 200)]
    bob, other, others_card = shopper(fresh_bank)
    with clocks.at(clocks.ago(days=7, seconds=1)):
        bob.hold(others_card, 1_000)
    runner = fresh_bank.app.test_cli_runner()
    assert runner.invoke(args=["authorizations", "expire"]).output == "3 holds released\n"
    assert runner.invoke(args=["authorizations", "expire"]).output == "0 holds released\n"
    listed = ok(ada.get(f"/authorizations?card_id={card['id']}"))["items"]
    assert {row["id"]: row["status"] for row in listed} == {
        recent["id"]: "pending",
        old[0]["id"]: "expired",
        old[1]["id"]: "expired",
    }
    assert ada.balances(account) == (1_000, 950)
    assert bob.balances(other) == (1_000, 1_000)


def test_a_transfer_reads_holds_only_when_they_may_refuse_it(bank: Bank) -> None:
    ada, account, card = shopper(bank)
    other = ada.account()

    def count() -> int:
        with statements(bank.app) as executed:
            ok(ada.transfer(account, other, 1), 201)
        return len(executed)

    count()
    without = count()
    ada.hold(card, 10)
    assert count() == without
    with statements(bank.app) as executed:
        refused(ada.transfer(account, other, 1_000), 422, "insufficient_funds")
    assert any("UPDATE authorizations" in sql for sql in executed)


def test_holds_block_closing_until_they_end(bank: Bank) -> None:
    ada, account, card = shopper(bank)
    hold = ada.hold(card, 1_000)
    refused(ada.post(f"/accounts/{account['id']}/close"), 409, "account_not_empty")
    ok(ada.post(f"/authorizations/{hold['id']}/capture"))
    assert ok(ada.post(f"/accounts/{account['id']}/close"))["status"] == "closed"


def test_authorizations_are_listed_newest_first_in_pages(bank: Bank) -> None:
    ada, account, card = shopper(bank)
    second = ada.card(account)
    made = [ada.hold(one, 10)["id"] for one in (card, second, card, card)]
    of_card = f"/authorizations?card_id={card['id']}&limit=2"
    page = ok(ada.get(of_card))
    assert [row["id"] for row in page["items"]] == [made[3], made[2]]
    rest = ok(ada.get(f"{of_card}&cursor={page['next_cursor']}"))
    assert ([row["id"] for row in rest["items"]], rest["next_cursor"]) == ([made[0]], None)
    assert [row["id"] for row in ok(ada.get("/authorizations"))["items"]] == made[::-1]


def test_another_customer_neither_sees_nor_ends_a_hold(bank: Bank) -> None:
    ada, account, card = shopper(bank)
    hold = ada.hold(card, 300)
    eve = bank.customer()
    refused(eve.authorize(card, 1), 404, "not_found")
    refused(eve.get(f"/authorizations?card_id={card['id']}"), 404, "not_found")
    refused(eve.get(f"/authorizations/{hold['id']}"), 404, "not_found")
    for what in ("capture", "void"):
        refused(eve.post(f"/authorizations/{hold['id']}/{what}"), 404, "not_found")
    assert ok(eve.get("/authorizations"))["items"] == []
    assert [row["status"] for row in ok(ada.get("/authorizations"))["items"]] == ["pending"]
    assert ada.balances(account) == (1_000, 700)


def test_staff_read_holds_with_an_audit_row_but_do_not_end_them(bank: Bank) -> None:
    ada, _, card = shopper(bank)
    hold = ada.hold(card, 300)
    staff = bank.employee()
    assert ok(staff.get(f"/authorizations/{hold['id']}")) == hold
    assert ok(staff.get(f"/authorizations?card_id={card['id']}"))["items"] == [hold]
    assert hold["id"] in {row["id"] for row in ok(staff.get("/authorizations?limit=100"))["items"]}
    traces = ok(staff.get("/audit-logs?event_type=staff_access"))["items"]
    assert hold["id"] in {row["resource_id"] for row in traces}
    refused(staff.post(f"/authorizations/{hold['id']}/void"), 404, "not_found")


def test_every_step_is_audited(bank: Bank) -> None:
    ada, _, card = shopper(bank)
    hold = ada.hold(card, 300)
    refused(ada.authorize(card, 701), 422, "insufficient_funds")
    ok(ada.post(f"/authorizations/{hold['id']}/capture", {"amount": 5}))
    refused(ada.post(f"/authorizations/{hold['id']}/void"), 409, "state_conflict")
    rows = [row for row in ok(ada.get("/audit-logs"))["items"] if row["event_type"].startswith("card_")]
    assert [(row["event_type"], row["status"], row["metadata"].get("code")) for row in rows] == [
        ("card_void", "failure", "state_conflict"),
        ("card_capture", "success", None),
        ("card_authorization", "failure", "insufficient_funds"),
        ("card_authorization", "success", None),
        ("card_issue", "success", None),
    ]
    declined = ok(ada.get("/authorizations"))["items"][0]
    assert [row["resource_id"] for row in rows[:4]] == [hold["id"], hold["id"], declined["id"], hold["id"]]
