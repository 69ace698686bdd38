"""Transfers that name a verification of their payee, and a bank that demands one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bankapp import clock
from bankapp.services.payee_verifications import LIFETIME
from tests.support import clocks
from tests.support.api_keys import bearer, make
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.raw_sql import RawSql
from tests.support.statements import statements

UNKNOWN = "DE92500105175405414040"
UNKNOWN_ID = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
REQUIRED = "payee_verification_required"


@pytest.fixture
def payer(bank: Bank) -> Caller:
    return bank.customer()


@pytest.fixture
def strict(bank_with: Callable[..., Bank]) -> Bank:
    return bank_with(PAYEE_VERIFICATION="required")


def token(payer: Caller, number: str, name: str = "Ada Lovelace") -> str:
    made = ok(payer.post("/payee-verifications", {"name": name, "account_number": number}))
    return str(made["token"])


def order(source: dict[str, Any], number: str, proof: str | None = None, amount: int = 1) -> dict[str, Any]:
    body = {"from_account_id": source["id"], "to_account_number": number, "amount": amount, "currency": "EUR"}
    return body if proof is None else body | {"payee_verification_token": proof}


def stored(raw: RawSql, transfer: dict[str, Any]) -> Any:
    [(result,)] = raw.rows(f"SELECT payee_verification FROM transfers WHERE id = '{transfer['id']}'")
    return result


def told(payer: Caller) -> dict[str, Any]:
    """Return the metadata of the caller's last transfer in the audit log."""
    metadata: dict[str, Any] = ok(payer.get("/audit-logs?event_type=transfer&limit=1"))["items"][0]["metadata"]
    return metadata


@pytest.mark.parametrize(
    ("name", "result"), [("Ada Lovelace", "match"), ("A. Lovelace", "close_match"), ("Grace Hopper", "no_match")]
)
def test_a_transfer_keeps_what_its_payer_was_told(
    bank: Bank, payer: Caller, raw_sql: Callable[..., RawSql], name: str, result: str
) -> None:
    source, target = payer.account(balance=5), bank.customer().account()
    made = ok(payer.post("/transfers", order(source, target["number"], token(payer, target["number"], name))), 201)
    assert told(payer)["payee_verification"] == result
    with raw_sql(bank.app) as raw:
        assert stored(raw, made) == result
        assert raw.answer(f"UPDATE transfers SET payee_verification = NULL WHERE id = '{made['id']}'")
        assert stored(raw, made) == result


def test_a_transfer_by_id_keeps_it_too(bank: Bank, payer: Caller, raw_sql: Callable[..., RawSql]) -> None:
    source, target = payer.account(balance=5), bank.customer().account()
    proof = token(payer, target["number"])
    made = ok(payer.transfer(source, target, 1, payee_verification_token=proof), 201)
    with raw_sql(bank.app) as raw:
        assert stored(raw, made) == "match"


def test_a_transfer_without_a_verification_keeps_none(
    bank: Bank, payer: Caller, raw_sql: Callable[..., RawSql]
) -> None:
    source, target = payer.account(balance=5), bank.customer().account()
    made = ok(payer.transfer(source, target, 1, payee_verification_token=None), 201)
    assert "payee_verification" not in told(payer)
    with raw_sql(bank.app) as raw:
        assert stored(raw, made) is None


def test_a_batch_keeps_the_result_of_each_transfer(bank: Bank, payer: Caller, raw_sql: Callable[..., RawSql]) -> None:
    source, target = payer.account(balance=5), bank.customer().account()
    proof = token(payer, target["number"])
    orders = [order(source, target["number"], proof), order(source, target["number"]), order(source, UNKNOWN, proof)]
    items = ok(payer.post("/transfers/batch", {"atomic": False, "transfers": orders}))["items"]
    assert items[2]["error"]["code"] == REQUIRED
    [row] = ok(payer.get("/audit-logs?event_type=transfer_batch"))["items"]
    assert row["metadata"]["payee_verifications"] == ["match", None]
    with raw_sql(bank.app) as raw:
        assert [stored(raw, item["transfer"]) for item in items[:2]] == ["match", None]


def test_a_verification_is_of_one_user_one_account_and_some_minutes(bank: Bank, payer: Caller) -> None:
    source, payee = payer.account(balance=5), bank.customer()
    target, other = payee.account(), payee.account()
    with clocks.at(clocks.ago(seconds=LIFETIME.total_seconds() + 1)):
        old = token(bank.signed_in(payer.email), target["number"])
    wrong = {
        "another account": token(payer, other["number"]),
        "another user": token(bank.customer(), target["number"]),
        "expired": old,
        "changed": token(payer, target["number"])[::-1],
        "no token": "A",
    }
    for what, proof in wrong.items():
        problem = refused(payer.post("/transfers", order(source, target["number"], proof)), 422, REQUIRED)
        assert problem["detail"].endswith("Verify the payee again."), what
        refused(payer.transfer(source, target, 1, payee_verification_token=proof), 422, REQUIRED)
    assert payer.balance(source) == 5
    ok(payer.post("/transfers", order(source, target["number"], token(payer, target["number"]))), 201)


def test_a_verification_tells_until_when_it_counts(payer: Caller) -> None:
    moment = clocks.ago(seconds=5)
    with clocks.at(moment):
        made = ok(payer.post("/payee-verifications", {"name": "Ada", "account_number": UNKNOWN}))
    assert made["expires_at"] == clock.to_text(moment + LIFETIME)


@pytest.mark.parametrize("proof", ["", "a b", "ä", "x" * 513, 5])
def test_a_token_of_another_form_is_a_wrong_field(bank: Bank, payer: Caller, proof: Any) -> None:
    source = payer.account(balance=5)
    problem = refused(payer.post("/transfers", order(source, UNKNOWN, proof)), 422, "validation_error")
    assert list(problem["errors"]) == ["payee_verification_token"]


def test_a_verification_adds_no_statement_to_a_transfer(bank: Bank, payer: Caller) -> None:
    source, target = payer.account(balance=5), bank.customer().account()
    proof = token(payer, target["number"])
    ok(payer.post("/transfers", order(source, target["number"])), 201)
    with statements(bank.app) as without:
        ok(payer.post("/transfers", order(source, target["number"])), 201)
    with statements(bank.app) as verified:
        ok(payer.post("/transfers", order(source, target["number"], proof)), 201)
    assert verified == without


def test_a_retry_of_a_verified_transfer_is_replayed_after_the_verification_has_expired(
    bank: Bank, payer: Caller
) -> None:
    source, target = payer.account(balance=5), bank.customer().account()
    with clocks.at(clocks.ago(seconds=LIFETIME.total_seconds() + 1)):
        before = bank.signed_in(payer.email)
        body = order(source, target["number"], token(before, target["number"]))
        first = ok(before.post("/transfers", body, key="once"), 201)
    again = payer.post("/transfers", body, key="once")
    assert ok(again, 201) == first
    assert again.headers["Idempotent-Replayed"] == "true"


def test_a_bank_may_demand_a_verification_for_every_other_account(strict: Bank) -> None:
    payer, payee = strict.customer(), strict.customer()
    source, savings, target = payer.account(balance=5), payer.account(), payee.account()
    refused(payer.post("/transfers", order(source, target["number"])), 422, REQUIRED)
    refused(payer.transfer(source, target, 1), 422, REQUIRED)
    ok(payer.transfer(source, savings, 1), 201)
    for name in ("Ada Lovelace", "Grace Hopper"):
        ok(payer.post("/transfers", order(source, target["number"], token(payer, target["number"], name))), 201)
    batch = {"transfers": [order(source, savings["number"]), order(source, target["number"])]}
    assert refused(payer.post("/transfers/batch", batch), 422, REQUIRED)["errors"].keys() == {"1"}
    assert payer.balance(source) == 2


def test_without_a_verification_a_payer_learns_nothing_of_the_account(strict: Bank) -> None:
    payer, payee = strict.customer(), strict.customer()
    target = payee.account()
    for balance in (0, 5):
        source = payer.account(balance=balance)
        refused(payer.post("/transfers", order(source, UNKNOWN)), 422, REQUIRED)
        refused(payer.post("/transfers", order(source, target["number"])), 422, REQUIRED)
        refused(payer.transfer(source, {"id": UNKNOWN_ID}, 1), 422, REQUIRED)
        refused(payer.transfer(source, target, 1), 422, REQUIRED)


def test_a_verification_of_an_unknown_account_changes_nothing_about_it(strict: Bank) -> None:
    payer = strict.customer()
    proof = token(payer, UNKNOWN)
    refused(payer.post("/transfers", order(payer.account(), UNKNOWN, proof)), 422, "insufficient_funds")
    refused(payer.post("/transfers", order(payer.account(balance=5), UNKNOWN, proof)), 404, "not_found")


def test_a_key_needs_a_verification_for_the_accounts_that_it_is_not_for(strict: Bank) -> None:
    payer = strict.customer()
    source, hidden = payer.account(balance=5), payer.account()
    server = bearer(strict, make(payer, account_ids=[source["id"]]))
    refused(server.transfer(source, hidden, 1), 422, REQUIRED)
    proof = token(server, hidden["number"])
    ok(server.transfer(source, hidden, 1, payee_verification_token=proof), 201)
