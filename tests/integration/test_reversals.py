"""POST /v1/transfers/{id}/reversal: by staff, once, when the receiver has the money."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.factories import Bank, Caller, ok, refused

Json = dict[str, Any]


@pytest.fixture(scope="module")
def staff(app: Any) -> Caller:
    return Bank(app).employee()


@pytest.fixture
def made(bank: Bank) -> tuple[Caller, Json, Caller, Json, Json]:
    """Return Ada, her account with 700, Bob, his account with 300, and the transfer between the accounts."""
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=1_000), bob.account()
    return ada, source, bob, target, ok(ada.transfer(source, target, 300, description="Rent"), 201)


def reverse(staff: Caller, transfer: Json, key: str | None = None) -> Any:
    return staff.post(f"/transfers/{transfer['id']}/reversal", key=key)


def test_a_reversal_moves_the_money_back_and_names_its_transfer(made: Any, staff: Caller) -> None:
    ada, source, bob, target, transfer = made
    assert transfer["reversed_by_transfer_id"] is None
    reversal = ok(reverse(staff, transfer), 201)
    assert (ada.balance(source), bob.balance(target)) == (1_000, 0)
    assert (reversal["from_account_id"], reversal["to_account_id"]) == (target["id"], source["id"])
    assert (reversal["amount"], reversal["currency"], reversal["description"]) == (300, "EUR", "Rent")
    assert reversal["reverses_transfer_id"] == transfer["id"]
    original = transfer | {"reversed_by_transfer_id": reversal["id"]}
    # The payer sees the payee, and the payee sees the payer.
    assert ok(ada.get(f"/transfers/{transfer['id']}")) == original
    assert ok(bob.get(f"/transfers/{reversal['id']}")) == reversal
    for_bob = original | {"counterparty": reversal["counterparty"]}
    for_ada = reversal | {"counterparty": original["counterparty"]}
    assert ok(bob.get(f"/transfers/{transfer['id']}")) == for_bob
    assert ok(ada.get(f"/transfers/{reversal['id']}")) == for_ada
    assert ok(ada.get(f"/transfers?account_id={source['id']}"))["items"] == [for_ada, original]
    newest = ok(ada.get(f"/transactions?account_id={source['id']}"))["items"][0]
    assert (newest["type"], newest["amount"], newest["transfer_id"]) == ("transfer_in", 300, reversal["id"])


def test_a_transfer_is_reversed_once_and_a_reversal_never(made: Any, staff: Caller) -> None:
    ada, source, bob, target, transfer = made
    bob.deposit(target, 900)
    reversal = ok(reverse(staff, transfer), 201)
    refused(reverse(staff, transfer), 409, "state_conflict")
    refused(reverse(staff, reversal), 409, "state_conflict")
    assert (ada.balance(source), bob.balance(target)) == (1_000, 900)


def test_the_same_key_replays_the_reversal(made: Any, staff: Caller) -> None:
    ada, source, *_, transfer = made
    first, again = reverse(staff, transfer, "undo"), reverse(staff, transfer, "undo")
    assert (again.status_code, again.data) == (201, first.data)
    refused(reverse(staff, transfer, "undo-again"), 409, "state_conflict")
    assert ada.balance(source) == 1_000


def test_only_staff_reverse(made: Any, bank: Bank, staff: Caller) -> None:
    ada, _, bob, _, transfer = made
    for caller in (ada, bob, bank.customer()):
        refused(reverse(caller, transfer), 403, "forbidden")
    refused(reverse(bank.anonymous(), transfer), 401, "token_missing")
    refused(reverse(staff, {"id": ada.user_id}), 404, "not_found")
    refused(staff.post(f"/transfers/{transfer['id']}/reversal", {"amount": 1}), 422, "validation_error")


def test_a_reversal_cannot_exceed_the_receivers_balance(made: Any, staff: Caller) -> None:
    ada, source, bob, target, transfer = made
    ok(bob.move(target, 1, "withdrawal"), 201)
    refused(reverse(staff, transfer), 422, "insufficient_funds")
    assert (ada.balance(source), bob.balance(target)) == (700, 299)
    bob.deposit(target, 1)
    ok(reverse(staff, transfer), 201)


@pytest.mark.parametrize("frozen", [(0,), (1,), (0, 1)])
def test_a_reversal_works_on_frozen_accounts(made: Any, staff: Caller, frozen: tuple[int, ...]) -> None:
    ada, source, bob, target, transfer = made
    for index in frozen:
        ok(staff.post(f"/accounts/{(source, target)[index]['id']}/freeze"))
    ok(reverse(staff, transfer), 201)
    assert (ada.balance(source), bob.balance(target)) == (1_000, 0)


def test_a_reversal_on_a_closed_account_is_refused(made: Any, staff: Caller) -> None:
    ada, source, _, _, transfer = made
    ok(ada.move(source, 700, "withdrawal"), 201)
    ok(ada.post(f"/accounts/{source['id']}/close"))
    refused(reverse(staff, transfer), 422, "account_not_active")


def test_a_reversal_is_audited(made: Any, bank: Bank, staff: Caller) -> None:
    transfer = made[-1]
    reversal = ok(reverse(staff, transfer), 201)
    reverse(staff, transfer)
    rows = ok(bank.employee("admin").get(f"/audit-logs?event_type=reversal&user_id={staff.user_id}"))["items"]
    again, first = rows[:2]
    assert (first["status"], first["resource_id"]) == ("success", reversal["id"])
    assert first["metadata"]["reverses_transfer_id"] == transfer["id"]
    assert (again["status"], again["resource_id"]) == ("failure", transfer["id"])
    assert again["metadata"]["code"] == "state_conflict"
