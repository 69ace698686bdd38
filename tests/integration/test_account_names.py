"""The owner's own names and order of accounts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.factories import Bank, Caller, ok, refused


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def opened(ada: Caller, **body: Any) -> dict[str, Any]:
    account: dict[str, Any] = ok(ada.post("/accounts", {"type": "savings", "currency": "EUR"} | body), 201)
    return account


def test_an_account_is_named_when_it_is_opened_and_afterwards(ada: Caller) -> None:
    account = opened(ada, name="Holidays")
    assert (account["name"], account["position"]) == ("Holidays", None)
    path = f"/accounts/{account['id']}"
    changed = ok(ada.patch(path, {"name": "Sea", "position": 3}))
    assert changed == account | {"name": "Sea", "position": 3} == ok(ada.get(path))
    assert ok(ada.patch(path, {})) == changed
    assert ok(ada.patch(path, {"name": None}))["name"] is None
    assert opened(ada)["name"] is None


@pytest.mark.parametrize(
    ("body", "member"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "a\u202eb"}, "name"),
        ({"name": 1}, "name"),
        ({"position": -1}, "position"),
        ({"position": 1000}, "position"),
        ({"position": "1"}, "position"),
        ({"status": "closed"}, "status"),
        ({"balance": 1}, "balance"),
    ],
)
def test_a_wrong_name_or_place_is_refused(ada: Caller, body: dict[str, Any], member: str) -> None:
    account = opened(ada)
    assert member in refused(ada.patch(f"/accounts/{account['id']}", body), 422, "validation_error")["errors"]
    assert ok(ada.get(f"/accounts/{account['id']}")) == account


def test_nobody_else_names_an_account(bank: Bank, ada: Caller) -> None:
    account = opened(ada)
    for other in (bank.customer(), bank.employee(), bank.employee("admin")):
        refused(other.patch(f"/accounts/{account['id']}", {"name": "Mine"}), 404, "not_found")
    assert ok(ada.get(f"/accounts/{account['id']}"))["name"] is None


def test_pages_show_accounts_in_the_order_of_their_owner(ada: Caller) -> None:
    first, second, third, fourth = (opened(ada)["id"] for _ in range(4))
    ok(ada.patch(f"/accounts/{third}", {"position": 0}))
    ok(ada.patch(f"/accounts/{second}", {"position": 5}))
    bearer = {"Authorization": f"Bearer {ada.tokens['access_token']}"}
    page = ada.client.get("/pages/overview", headers=bearer).get_data(as_text=True)
    assert re.findall(r'id="account-([^"]+)"', page) == [third, second, first, fourth]
    listed = [item["id"] for item in ok(ada.get("/accounts"))["items"]]
    assert listed == [fourth, third, second, first], "the list of the API keeps its order: newest first"


def test_the_audit_log_names_what_was_changed(ada: Caller) -> None:
    account = opened(ada)
    ok(ada.patch(f"/accounts/{account['id']}", {"name": "Sea"}))
    [row, *_] = ok(ada.get("/audit-logs?event_type=account_change"))["items"]
    assert (row["resource_id"], row["metadata"]["change"], row["metadata"]["fields"]) == (
        account["id"],
        "settings",
        ["name"],
    )


def test_a_frozen_account_can_be_named_and_a_closed_one_cannot(bank: Bank, ada: Caller) -> None:
    account = opened(ada)
    path = f"/accounts/{account['id']}"
    ok(bank.employee().post(f"{path}/freeze"))
    assert ok(ada.patch(path, {"name": "Sea"}))["status"] == "frozen"
    ok(bank.employee().post(f"{path}/close"))
    refused(ada.patch(path, {"name": "Trip"}), 409, "state_conflict")
    assert ok(ada.get(path))["name"] == "Sea"
