"""Currencies with any number of decimals, the largest amount, and the largest balance."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from bankapp import db
from bankapp.errors import BankError
from bankapp.extensions import db as extension
from bankapp.money import MAX_AMOUNT, MAX_BALANCE
from bankapp.services import ledger
from tests.support.factories import Bank, Caller, ok, refused


def fill(bank: Bank, account: dict[str, Any], balance: int) -> None:
    """Bring an empty account to ``balance`` in postings of the largest amount, 200 in one transaction.

    More postings would come near the statement timeout on a busy machine: in PostgreSQL each leg leaves another version
    of the account's row, and the next leg scans them all.
    """
    count, rest = divmod(balance, MAX_AMOUNT)

    def post(amounts: list[int]) -> None:
        locked = ledger.lock(ledger.names([account["id"]]))[account["id"]]
        outcomes = ledger.post(
            [ledger.movement("deposit", locked, amount, account["currency"], None) for amount in amounts]
        )
        assert not any(isinstance(outcome, BankError) for outcome in outcomes)

    with bank.app.app_context():
        for start in range(0, count, 200):
            amounts = [MAX_AMOUNT] * min(200, count - start)
            db.run(lambda amounts=amounts: post(amounts))
        db.run(lambda: post([rest]))


def test_a_balance_cannot_exceed_two_to_the_53_minus_one(bank: Bank) -> None:
    ada = bank.customer()
    account, other = ada.account(), ada.account(balance=10)
    fill(bank, account, MAX_BALANCE - 5)
    refused(ada.move(account, 6, "deposit"), 422, "balance_limit_exceeded")
    refused(ada.move(account, MAX_AMOUNT, "deposit"), 422, "balance_limit_exceeded")
    refused(ada.transfer(other, account, 6), 422, "balance_limit_exceeded")
    assert ok(ada.move(account, 3, "deposit"), 201)["balance_after"] == MAX_BALANCE - 2
    ok(ada.transfer(other, account, 2), 201)
    read = ok(ada.get(f"/accounts/{account['id']}"))
    assert read["balance"] == read["available_balance"] == 2**53 - 1
    refused(ada.move(account, 1, "deposit"), 422, "balance_limit_exceeded")
    assert ada.balance(other) == 8
    assert ok(ada.move(account, MAX_AMOUNT, "withdrawal"), 201)["balance_after"] == MAX_BALANCE - MAX_AMOUNT


@pytest.mark.parametrize(
    ("currency", "exponent", "written"), [("JPY", 0, "500"), ("KWD", 3, "0.500"), ("EUR", 2, "5.00")]
)
def test_minor_units_follow_the_currency(bank: Bank, currency: str, exponent: int, written: str) -> None:
    ada = bank.customer()
    listed = {row["code"]: row for row in ok(ada.get("/currencies?limit=100"))["items"]}
    cursor = ok(ada.get("/currencies?limit=100"))["next_cursor"]
    listed |= {row["code"]: row for row in ok(ada.get(f"/currencies?limit=100&cursor={cursor}"))["items"]}
    assert listed[currency]["exponent"] == exponent
    assert listed[currency]["name"]
    account = ada.account(currency, balance=500)
    assert (account["currency"], ada.balance(account)) == (currency, 500)
    statement = ada.get(f"/statements/{account['id']}?format=csv").get_data(as_text=True)
    assert f",{written}," in statement
    refused(ada.transfer(account, ada.account("USD"), 5), 422, "currency_mismatch")
    mismatch = account | {"currency": "USD"}
    refused(ada.move(mismatch, 5, "deposit"), 422, "currency_mismatch")


def test_every_currency_opens_an_account(bank: Bank) -> None:
    ada: Caller = bank.customer()
    for code in ("BHD", "CLP", "GBP", "ISK", "TND", "XOF", "ZAR"):
        account = ada.account(code, type="savings")
        assert (account["currency"], account["type"], account["balance"]) == (code, "savings", 0)


def test_all_legs_of_a_currency_sum_to_zero(bank: Bank) -> None:
    with bank.app.app_context():
        sums = extension.session.execute(
            text("SELECT currency, sum(direction * amount) FROM transactions GROUP BY currency")
        )
        assert {total for _currency, total in sums} == {0}
