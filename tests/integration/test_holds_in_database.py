"""Database guards of holds: raw SQL cannot store an unsound one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from bankapp import db, ids
from bankapp.extensions import db as extension
from bankapp.services import ledger
from tests.support.factories import Bank, Caller, ok

Shop = tuple[Caller, dict[str, Any], dict[str, Any], dict[str, Any]]


Execute = Callable[..., Any]


@pytest.fixture
def shop(bank: Bank) -> Shop:
    """Ada, her account, her card and a hold of 300 on it."""
    ada = bank.customer()
    account = ada.account(balance=1_000)
    card = ada.card(account)
    return ada, account, card, ada.hold(card, 300)


@pytest.fixture
def execute(bank_with: Callable[..., Bank], owner_url: str) -> Execute:
    owner = bank_with(DATABASE_URL=owner_url)

    def run(statement: str, **values: Any) -> Any:
        with owner.app.app_context(), extension.engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return result.scalar() if result.returns_rows else None

    return run


@pytest.mark.parametrize("held", [0, 299, 301, 1_000])
def test_held_money_must_equal_the_pending_authorizations(execute: Execute, shop: Shop, held: int) -> None:
    ada, account, *_ = shop
    with pytest.raises(IntegrityError, match="ledger: what an account holds"):
        execute("UPDATE accounts SET held = :held WHERE id = :id", held=held, id=account["id"])
    assert ada.balances(account) == (1_000, 700)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("amount = 1", "a hold ends once"),
        ("status = 'voided', finished_at = created_at, amount = 1", "a hold can only end"),
        ("status = 'voided', finished_at = created_at, merchant = 'x'", "a hold can only end"),
        ("status = 'declined', finished_at = created_at, decline_reason = 'x'", "a hold ends once"),
        ("status = 'voided'", "ck_authorizations_pending_is_not_finished"),
        ("status = 'captured', finished_at = created_at", "ck_authorizations_captured_has"),
    ],
)
def test_a_hold_cannot_change_except_to_end(execute: Execute, shop: Shop, change: str, reason: str) -> None:
    ada, account, _, hold = shop
    with pytest.raises(IntegrityError, match=reason):
        execute(f"UPDATE authorizations SET {change} WHERE id = :id", id=hold["id"])
    assert ada.balances(account) == (1_000, 700)


@pytest.mark.parametrize("how", ["capture", "void"])
def test_an_ended_hold_is_never_changed_or_deleted(execute: Execute, shop: Shop, how: str) -> None:
    ada, account, _, hold = shop
    ok(ada.post(f"/authorizations/{hold['id']}/{how}"))
    before = ada.balances(account)
    for statement in (
        "UPDATE authorizations SET status = 'pending', captured_amount = 0, posting_id = NULL, finished_at = NULL"
        " WHERE id = :id",
        "UPDATE authorizations SET merchant = 'x' WHERE id = :id",
        "DELETE FROM authorizations WHERE id = :id",
    ):
        with pytest.raises(IntegrityError, match="ledger: "):
            execute(statement, id=hold["id"])
    assert ada.balances(account) == before


def test_a_capture_needs_a_posting_of_its_own(execute: Execute, shop: Shop) -> None:
    ada, account, _, hold = shop
    statement = (
        "UPDATE authorizations SET status = 'captured', captured_amount = 300, finished_at = created_at,"
        " posting_id = :posting WHERE id = :id"
    )
    old = execute("SELECT posting_id FROM transactions WHERE account_id = :id", id=account["id"])
    with pytest.raises(IntegrityError, match="posting of its own"):
        execute(statement, posting=str(old), id=hold["id"])
    with pytest.raises(IntegrityError, match=r"fk_authorizations_posting_id_postings|FOREIGN KEY"):
        execute(statement, posting=ids.new(), id=hold["id"])
    assert ada.balances(account) == (1_000, 700)


@pytest.mark.parametrize(
    ("amount", "state", "reason"),
    [
        (701, "active", "ck_accounts_balance_covers_held|a hold is covered by the balance"),
        (1, "blocked", "active card"),
        (1, "captured", "begins pending"),
    ],
)
def test_a_hold_needs_an_active_card_and_enough_money(
    execute: Execute, shop: Shop, amount: int, state: str, reason: str
) -> None:
    ada, account, card, hold = shop
    if state == "blocked":
        ok(ada.post(f"/cards/{card['id']}/block"))
    with pytest.raises(IntegrityError, match=reason):
        execute(
            "INSERT INTO authorizations (id, card_id, account_id, amount, captured_amount, currency, merchant, status,"
            " expires_at, created_at, finished_at, posting_id)"
            " SELECT :new, card_id, account_id, :amount, :captured, currency, merchant, :status, expires_at,"
            " created_at, CASE WHEN :captured > 0 THEN created_at END, CASE WHEN :captured > 0 THEN id END"
            " FROM authorizations WHERE id = :id",
            new=ids.new(),
            amount=amount,
            captured=amount if state == "captured" else 0,
            status="captured" if state == "captured" else "pending",
            id=hold["id"],
        )
    assert ada.balances(account) == (1_000, 700)


def test_a_card_purchase_without_a_hold_is_refused(bank: Bank, shop: Shop) -> None:
    ada, account, *_ = shop

    def purchase() -> None:
        locked = ledger.lock(ledger.names([account["id"]]))[account["id"]]
        ledger.post([ledger.movement("card_purchase", locked, 100, "EUR", "Nobody")])

    with bank.app.app_context(), pytest.raises(db.ConstraintViolated, match="capture of a hold"):
        db.run(purchase)
    assert ada.balances(account) == (1_000, 700)
