"""The main use cases from end to end, as a client sees them."""

from __future__ import annotations

from tests.support.factories import Bank, ok, refused


def test_sign_up_deposit_transfer_statement(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account("EUR", balance=10_000), bob.account("EUR")
    transfer = ok(ada.transfer(source, target, 2_500, description="Rent"), 201)
    assert ada.balance(source) == 7_500
    assert bob.balance(target) == 2_500
    assert transfer["counterparty"] == {"name": "Ada Lovelace", "account_number": target["number"]}
    payer = {"name": "Ada Lovelace", "account_number": source["number"]}
    assert ok(bob.get(f"/transfers/{transfer['id']}")) == transfer | {"counterparty": payer}
    history = ok(ada.get(f"/transactions?account_id={source['id']}"))["items"]
    assert [(row["type"], row["amount"], row["balance_after"]) for row in history] == [
        ("transfer_out", 2_500, 7_500),
        ("deposit", 10_000, 10_000),
    ]
    statement = ok(ada.get(f"/statements/{source['id']}"))
    assert (statement["opening_balance"], statement["closing_balance"]) == (0, 7_500)
    assert [entry["id"] for entry in statement["entries"]] == [row["id"] for row in reversed(history)]


def test_transfer_by_iban(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=500), bob.account()
    spaced = " ".join(target["number"][at : at + 4] for at in range(0, 22, 4))
    body = {"from_account_id": source["id"], "to_account_number": spaced, "amount": 500, "currency": "EUR"}
    assert ok(ada.post("/transfers", body), 201)["to_account_id"] == target["id"]


def test_insufficient_funds_moves_nothing(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    refused(ada.transfer(source, target, 101), 422, "insufficient_funds")
    assert ada.balance(source) == 100
    assert bob.balance(target) == 0


def test_a_foreign_account_answers_like_a_missing_one(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    account = bob.account(balance=100)
    refused(ada.get(f"/accounts/{account['id']}"), 404, "not_found")
    refused(ada.transfer(account, ada.account(), 1), 404, "not_found")


def test_same_key_moves_money_once(bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    first = ada.transfer(source, target, 60, key="rent-1")
    again = ada.transfer(source, target, 60, key="rent-1")
    assert ok(first, 201)
    assert (again.status_code, again.data, again.headers["Idempotent-Replayed"]) == (201, first.data, "true")
    assert ada.balance(source) == 40
    refused(ada.transfer(source, target, 61, key="rent-1"), 422, "idempotency_key_reused")


def test_every_statement_format_downloads(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=1_234)
    for name in ("csv", "pdf", "ofx", "camt053", "mt940"):
        response = ada.get(f"/statements/{account['id']}?format={name}")
        assert response.status_code == 200, response.data
        assert account["number"] in response.headers["Content-Disposition"]
        assert len(response.data) > 100
