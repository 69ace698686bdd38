"""Limits of a card, and the declined authorizations that are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bankapp import clock
from tests.support import clocks
from tests.support.factories import Bank, Caller, ok, refused


@pytest.fixture
def shopper(bank: Bank) -> tuple[Caller, dict[str, Any]]:
    ada = bank.customer()
    return ada, ada.card(ada.account(balance=10_000))


def limit(caller: Caller, card: dict[str, Any], per_authorization: int | None, per_day: int | None) -> dict[str, Any]:
    body = {"per_authorization": per_authorization, "per_day": per_day}
    return ok(caller.request("PUT", f"/cards/{card['id']}/limits", json=body))


def midnight_after(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def test_a_card_begins_without_limits(shopper: tuple[Caller, dict[str, Any]]) -> None:
    ada, card = shopper
    found = ok(ada.get(f"/cards/{card['id']}/limits"))
    assert found.pop("resets_at") == clock.to_text(midnight_after(clock.now()))
    assert found == {
        "card_id": card["id"],
        "currency": "EUR",
        "per_authorization": None,
        "per_day": None,
        "used_today": 0,
    }


def test_a_limit_per_authorization_explains_itself(shopper: tuple[Caller, dict[str, Any]]) -> None:
    ada, card = shopper
    limit(ada, card, 500, None)
    ada.hold(card, 500)
    problem = refused(ada.authorize(card, 501), 422, "limit_exceeded")
    assert (
        problem.items()
        >= {
            "limit_type": "per_authorization",
            "limit": 500,
            "used": 0,
            "currency": "EUR",
            "resets_at": None,
        }.items()
    )


def test_a_limit_per_day_counts_held_and_captured_money(shopper: tuple[Caller, dict[str, Any]]) -> None:
    ada, card = shopper
    # At noon, so that the day does not end during the test.
    noon = clock.now().replace(hour=12, minute=0)
    with clocks.at(noon):
        assert limit(ada, card, None, 1_000)["used_today"] == 0
        taken, voided, _ = (ada.hold(card, amount) for amount in (400, 300, 200))
        problem = refused(ada.authorize(card, 101), 422, "limit_exceeded")
        assert (
            problem.items()
            >= {
                "limit_type": "per_day",
                "limit": 1_000,
                "used": 900,
                "currency": "EUR",
                "resets_at": clock.to_text(midnight_after(noon)),
            }.items()
        )
        ok(ada.post(f"/authorizations/{taken['id']}/capture", {"amount": 150}))
        ok(ada.post(f"/authorizations/{voided['id']}/void"))
        assert ok(ada.get(f"/cards/{card['id']}/limits"))["used_today"] == 350
        refused(ada.authorize(card, 651), 422, "limit_exceeded")
        ada.hold(card, 650)


def test_a_limit_per_day_starts_again_at_midnight_utc(shopper: tuple[Caller, dict[str, Any]]) -> None:
    ada, card = shopper
    day = clock.now().date() - timedelta(days=2)
    last_moment = datetime(day.year, day.month, day.day, 23, 59, 59, 999_999, tzinfo=UTC)
    limit(ada, card, None, 1_000)
    with clocks.at(last_moment):
        ada.hold(card, 1_000)
        refused(ada.authorize(card, 1), 422, "limit_exceeded")
    with clocks.at(last_moment + timedelta(microseconds=1)):
        ada.hold(card, 1_000)
        refused(ada.authorize(card, 1), 422, "limit_exceeded")


def test_limits_belong_to_one_card_and_can_be_removed(shopper: tuple[Caller, dict[str, Any]]) -> None:
    ada, card = shopper
    other = ada.card({"id": card["account_id"]})
    limit(ada, card, 10, 10)
    ada.hold(other, 500)
    refused(ada.authorize(card, 11), 422, "limit_exceeded")
    limit(ada, card, None, None)
    ada.hold(card, 500)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"per_authorization": 1},
        {"per_authorization": 0, "per_day": None},
        {"per_authorization": 1.5, "per_day": None},
        {"per_authorization": True, "per_day": None},
        {"per_authorization": 1, "per_day": 10**12 + 1},
    ],
)
def test_limits_are_read_strictly(shopper: tuple[Caller, dict[str, Any]], body: dict[str, Any]) -> None:
    ada, card = shopper
    refused(ada.request("PUT", f"/cards/{card['id']}/limits", json=body), 422, "validation_error")


def test_only_the_owner_sets_limits_and_not_on_a_terminated_card(
    bank: Bank, shopper: tuple[Caller, dict[str, Any]]
) -> None:
    ada, card = shopper
    body = {"per_authorization": 1, "per_day": None}
    for caller in (bank.customer(), bank.employee()):
        refused(caller.request("PUT", f"/cards/{card['id']}/limits", json=body), 404, "not_found")
    ok(ada.post(f"/cards/{card['id']}/terminate"))
    refused(ada.request("PUT", f"/cards/{card['id']}/limits", json=body), 409, "state_conflict")


def test_declines_are_stored_with_their_reason(bank: Bank, shopper: tuple[Caller, dict[str, Any]]) -> None:
    ada, card = shopper
    staff = bank.employee()
    limit(ada, card, 9_000, None)
    refused(ada.authorize(card, 9_001), 422, "limit_exceeded")
    limit(ada, card, None, None)
    refused(ada.authorize(card, 10_001), 422, "insufficient_funds")
    refused(ada.authorize(card, 7, "USD"), 422, "currency_mismatch")
    ok(staff.post(f"/accounts/{card['account_id']}/freeze"))
    refused(ada.authorize(card, 7), 422, "account_not_active")
    ok(staff.post(f"/accounts/{card['account_id']}/unfreeze"))
    with clocks.at(clocks.ago(days=-5 * 365)):
        refused(ada.authorize(card, 7), 409, "state_conflict")
    ok(ada.post(f"/cards/{card['id']}/block"))
    refused(ada.authorize(card, 7), 409, "state_conflict")
    ok(ada.post(f"/cards/{card['id']}/terminate"))
    refused(ada.authorize(card, 7), 409, "state_conflict")
    listed = ok(ada.get(f"/authorizations?card_id={card['id']}"))["items"]
    assert {row["status"] for row in listed} == {"declined"}
    assert sorted(row["decline_reason"] for row in listed) == [
        "account_not_active",
        "card_blocked",
        "card_expired",
        "card_terminated",
        "currency_mismatch",
        "insufficient_funds",
        "limit_exceeded",
    ]
    assert {row["expires_at"] for row in listed} == {None}
    assert [row["currency"] for row in listed if row["decline_reason"] == "currency_mismatch"] == ["USD"]
    assert ada.balances({"id": card["account_id"]}) == (10_000, 10_000)
    for what in ("capture", "void"):
        refused(ada.post(f"/authorizations/{listed[0]['id']}/{what}"), 409, "state_conflict")


def test_a_replayed_decline_is_stored_once(shopper: tuple[Caller, dict[str, Any]]) -> None:
    ada, card = shopper
    first, again = (ada.authorize(card, 10_001, key="shop-1") for _ in range(2))
    assert first.data == again.data
    assert len(ok(ada.get("/authorizations"))["items"]) == 1


def test_a_request_that_is_no_attempt_on_the_card_is_not_stored(
    bank: Bank, shopper: tuple[Caller, dict[str, Any]]
) -> None:
    ada, card = shopper
    refused(ada.authorize(card, 0), 422, "validation_error")
    refused(bank.customer().authorize(card, 1), 404, "not_found")
    assert ok(ada.get("/authorizations"))["items"] == []
