"""Saved payees: the people and companies that a customer pays again."""

from __future__ import annotations

from typing import Any

import pytest

from bankapp.services import payees
from tests.integration.test_second_factor import Protected, protect
from tests.support import clocks
from tests.support.api_keys import bearer, make
from tests.support.factories import PASSWORD, Bank, Caller, ok, refused

FOREIGN = "DE02120300000000202051"
OTHER_FOREIGN = "DE02500105170137075030"


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer(**{"X-Device-Id": "phone"})


def save(caller: Caller, account_number: str = FOREIGN, name: str = "Grace Hopper", **more: Any) -> dict[str, Any]:
    return ok(caller.post("/payees", {"name": name, "account_number": account_number} | more), 201)


def audited(caller: Caller, event_type: str) -> list[dict[str, Any]]:
    return ok(caller.get(f"/audit-logs?event_type={event_type}"))["items"]


def test_a_payee_is_saved_read_listed_changed_and_deleted(ada: Caller) -> None:
    made = save(ada, "de02 1203 0000 0000 2020 51", nickname="Landlady")
    expected = {"name": "Grace Hopper", "account_number": FOREIGN, "nickname": "Landlady"}
    assert expected.items() <= made.items()
    assert (made["trusted"], made["last_paid_at"]) == (False, None)
    path = f"/payees/{made['id']}"
    assert ok(ada.get(path)) == made
    other = save(ada, OTHER_FOREIGN)
    assert other["nickname"] is None
    assert ok(ada.get("/payees"))["items"] == [other, made]
    changed = ok(ada.patch(path, {"name": "Grace B. Hopper", "nickname": None}))
    assert changed == made | {"name": "Grace B. Hopper", "nickname": None}
    assert ok(ada.patch(path, {})) == changed
    ok(ada.delete(path), 204)
    refused(ada.get(path), 404, "not_found")
    refused(ada.delete(path), 404, "not_found")
    assert ok(ada.get("/payees"))["items"] == [other]


def test_payees_are_listed_in_pages(ada: Caller) -> None:
    first, second = save(ada), save(ada, OTHER_FOREIGN)
    page = ok(ada.get("/payees?limit=1"))
    assert page["items"] == [second]
    assert ok(ada.get(f"/payees?limit=1&cursor={page['next_cursor']}")) == {"items": [first], "next_cursor": None}


def test_an_account_is_saved_once_for_each_customer(bank: Bank, ada: Caller) -> None:
    made = save(ada)
    refused(ada.post("/payees", {"name": "Somebody else", "account_number": FOREIGN}), 409, "payee_exists")
    save(bank.customer())
    ok(ada.delete(f"/payees/{made['id']}"), 204)
    save(ada)


def test_a_retried_request_saves_one_payee(ada: Caller) -> None:
    body = {"name": "Grace Hopper", "account_number": FOREIGN}
    first, again = ada.post("/payees", body, key="grace"), ada.post("/payees", body, key="grace")
    assert ok(first, 201) == ok(again, 201)
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"account_number": "DE00120300000000202051"}, "account_number"),
        ({"name": " "}, "name"),
        ({"name": "x" * 141}, "name"),
        ({"nickname": "a\nb"}, "nickname"),
        ({"trusted": True}, "trusted"),
    ],
)
def test_wrong_fields_are_refused(ada: Caller, changes: dict[str, Any], field: str) -> None:
    body = {"name": "Grace Hopper", "account_number": FOREIGN} | changes
    assert list(refused(ada.post("/payees", body), 422, "validation_error")["errors"]) == [field]


def test_neither_the_account_nor_the_trust_of_a_payee_is_changed_by_a_patch(ada: Caller) -> None:
    path = f"/payees/{save(ada)['id']}"
    for change in ({"account_number": OTHER_FOREIGN}, {"trusted": True}):
        refused(ada.patch(path, change), 422, "validation_error")


def test_payees_are_the_customers_own(bank: Bank, ada: Caller) -> None:
    path = f"/payees/{save(ada)['id']}"
    for caller in (bank.customer(), bank.employee(), bank.employee("admin")):
        refused(caller.get(path), 404, "not_found")
        refused(caller.patch(path, {"name": "Mallory"}), 404, "not_found")
        refused(caller.post(f"{path}/trust", {"password": PASSWORD}), 404, "not_found")
        refused(caller.delete(path), 404, "not_found")
        assert ok(caller.get("/payees"))["items"] == []
    assert ok(ada.get(path))["name"] == "Grace Hopper"


def test_saving_does_not_tell_which_accounts_exist(bank: Bank, ada: Caller) -> None:
    account = bank.customer().account()
    made = [save(ada, number) for number in (account["number"], FOREIGN)]
    assert made[0].keys() == made[1].keys()
    assert [payee["last_paid_at"] for payee in made] == [None, None]


def test_the_last_payment_is_the_newest_transfer_to_the_account(bank: Bank, ada: Caller) -> None:
    grace = bank.customer()
    target, other = grace.account(), grace.account()
    first, second = ada.account(balance=100), ada.account(balance=100)
    payee = save(ada, target["number"])
    with clocks.at(clocks.ago(days=3)):
        ok(ada.transfer(first, target, 1), 201)
    newest = ok(ada.transfer(second, target, 1), 201)
    ok(ada.transfer(first, other, 1), 201)
    eve = bank.customer()
    ok(eve.transfer(eve.account(balance=5), target, 1), 201)
    assert ok(ada.get(f"/payees/{payee['id']}"))["last_paid_at"] == newest["created_at"]
    assert ok(ada.get("/payees"))["items"][0]["last_paid_at"] == newest["created_at"]


def test_a_reversal_is_no_payment(bank: Bank, ada: Caller) -> None:
    grace = bank.customer()
    source, target = grace.account(balance=5), ada.account()
    made = ok(grace.transfer(source, target, 5), 201)
    ok(bank.employee().post(f"/transfers/{made['id']}/reversal"), 201)
    assert save(ada, source["number"])["last_paid_at"] is None


def test_trust_takes_the_password(ada: Caller) -> None:
    payee = save(ada)
    path = f"/payees/{payee['id']}"
    refused(ada.post(f"{path}/trust", {"password": "wrong"}), 401, "invalid_credentials")
    assert ok(ada.get(path))["trusted"] is False
    assert ok(ada.post(f"{path}/trust", {"password": PASSWORD})) == payee | {"trusted": True}
    assert ok(ada.get(path))["trusted"] is True
    assert ok(ada.post(f"{path}/untrust")) == payee
    rows = audited(ada, "payee_trust")
    assert [row["status"] for row in rows] == ["success", "failure"]
    assert audited(ada, "payee_untrust")[0]["metadata"]["account_number"] == FOREIGN


def test_trust_takes_the_code_of_a_second_factor(bank: Bank) -> None:
    protected: Protected = protect(bank)
    path = f"/payees/{save(protected.caller)['id']}"
    refused(protected.caller.post(f"{path}/trust", {"password": PASSWORD}), 401, "otp_required")
    body = {"password": PASSWORD, "otp": protected.code()}
    assert ok(protected.caller.post(f"{path}/trust", body))["trusted"] is True


def test_each_change_leaves_an_audit_row_with_address_and_device(ada: Caller) -> None:
    payee = save(ada)
    refused(ada.post("/payees", {"name": "Grace", "account_number": FOREIGN}), 409, "payee_exists")
    ok(ada.patch(f"/payees/{payee['id']}", {"nickname": "G"}))
    ok(ada.delete(f"/payees/{payee['id']}"), 204)
    failure, success = audited(ada, "payee_create")
    assert (success["status"], success["resource_type"], success["resource_id"]) == ("success", "payee", payee["id"])
    assert success["metadata"] == {"payee_name": "Grace Hopper", "account_number": FOREIGN}
    assert (failure["status"], failure["metadata"]["code"]) == ("failure", "payee_exists")
    [change], [removal] = audited(ada, "payee_change"), audited(ada, "payee_delete")
    assert change["metadata"]["fields"] == ["nickname"]
    assert removal["metadata"]["account_number"] == FOREIGN
    for row in (success, failure, change, removal):
        assert (row["ip_address"], row["device_id"]) == ("127.0.0.1", "phone")


def test_a_customer_has_a_limited_number_of_payees(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payees, "MAX_PAYEES", 1)
    save(ada)
    refused(ada.post("/payees", {"name": "Grace", "account_number": OTHER_FOREIGN}), 422, "limit_exceeded")


def test_a_key_for_some_accounts_saves_and_sees_no_payees(bank: Bank, ada: Caller) -> None:
    account, payee = ada.account(), save(ada)
    limited = bearer(bank, make(ada, scopes=["payees:read", "payees:write"], account_ids=[account["id"]]))
    body = {"name": "Grace", "account_number": OTHER_FOREIGN}
    refused(limited.post("/payees", body), 403, "insufficient_scope")
    assert ok(limited.get("/payees"))["items"] == []
    refused(limited.get(f"/payees/{payee['id']}"), 404, "not_found")
    whole = bearer(bank, make(ada, scopes=["payees:read", "payees:write"]))
    made = ok(whole.post("/payees", body), 201)
    assert ok(whole.get(f"/payees/{made['id']}")) == made
    refused(whole.post(f"/payees/{made['id']}/trust", {"password": PASSWORD}), 403, "insufficient_scope")
