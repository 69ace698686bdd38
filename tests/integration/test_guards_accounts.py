"""Database guards of accounts: raw SQL cannot change balance, identity or state against the rules."""

from __future__ import annotations

import re

import pytest

from bankapp import ids
from tests.support.handwritten import Books, insert

FOLLOWS = "a balance changes only with its transaction"
IDENTITY = "an account keeps its identity"
EMPTY = "an account begins empty and active"


UPDATES = {
    "balance = balance + 1": FOLLOWS,
    "balance = 0": FOLLOWS,
    "balance = -1": f"{FOLLOWS}|balance_range",
    "sequence = sequence + 1": FOLLOWS,
    "sequence = sequence + 1, balance = balance + 1": FOLLOWS,
    "sequence = sequence - 1": FOLLOWS,
    "last_posted_at = NULL": FOLLOWS,
    "last_posted_at = '2020-01-01T00:00:00.000000Z'": FOLLOWS,
    "held = 1": "changes only with its authorizations",
    "held = balance + 1": "changes only with its authorizations",
    "held = -1": "changes only with its authorizations",
    "held = NULL": "(?i)not.null|whole minor units",
    "currency = 'USD'": IDENTITY,
    "number = 'DE00'": IDENTITY,
    "type = 'savings'": IDENTITY,
    "type = 'cash'": f"{IDENTITY}|cash_has_no_holder",
    "holder_id = NULL": f"{IDENTITY}|cash_has_no_holder",
    "created_at = '2020-01-01T00:00:00.000000Z'": IDENTITY,
    "id = '{new_id}'": IDENTITY,
    "status = 'closed'": "closed_is_empty",
    "status = 'asleep'": "ck_accounts_status",
}


@pytest.mark.parametrize("change", UPDATES)
def test_an_update_without_a_transaction_is_refused(books: Books, change: str) -> None:
    answer = books.raw.answer(f"UPDATE accounts SET {change.format(new_id=ids.new())} WHERE id = '{books.a}'")
    assert re.search(UPDATES[change], answer), answer


@pytest.mark.parametrize("change", ["status = 'active'", "status = 'frozen'", "held = 0", "number = 'DE00'"])
def test_a_closed_account_stays_closed(books: Books, change: str) -> None:
    assert IDENTITY in books.raw.answer(f"UPDATE accounts SET {change} WHERE id = '{books.closed}'")


def test_the_cash_account_stays_open_and_empty(books: Books) -> None:
    for change, reason in (
        ("status = 'closed'", "cash_stays_active"),
        ("status = 'frozen'", "cash_stays_active"),
        ("balance = 1", FOLLOWS),
        ("held = 1", "changes only with its authorizations"),
    ):
        answer = books.raw.answer(f"UPDATE accounts SET {change} WHERE id = '{books.cash}'")
        assert re.search(reason, answer), (change, answer)


def test_accounts_are_not_deleted(books: Books) -> None:
    account = ids.new()
    books.raw.run(insert("accounts", new_account(books) | {"id": account}))
    assert "accounts are history" in books.raw.answer(f"DELETE FROM accounts WHERE id = '{account}'")
    assert "accounts are history" in books.raw.answer("DELETE FROM accounts")
    for parent in ("account_holders", "users"):
        assert re.search("(?i)foreign key|are history", books.raw.answer(f"DELETE FROM {parent}"))


@pytest.mark.parametrize(
    "given",
    [{"balance": 5}, {"held": 1, "balance": 1}, {"sequence": 1}, {"status": "frozen"}, {"status": "closed"}],
    ids=str,
)
def test_a_new_account_must_be_empty(books: Books, given: dict[str, object]) -> None:
    assert EMPTY in books.raw.answer(insert("accounts", new_account(books) | given))
    assert EMPTY in books.raw.answer(insert("accounts", new_account(books) | {"last_posted_at": books.now}))


def test_an_upsert_moves_no_balance(books: Books) -> None:
    upsert = insert("accounts", new_account(books) | {"id": books.a}) + " ON CONFLICT (id) DO UPDATE SET balance = 1"
    assert re.search(f"{FOLLOWS}|{EMPTY}", books.raw.answer(upsert))


def test_held_money_cannot_leave_the_account(books: Books) -> None:
    posting = ids.new()
    taken = [books.leg(posting, books.b, "withdrawal", 101), books.leg(posting, books.cash, "cash_paid", 101)]
    with books.hold(400):
        answer = books.raw.answer(*taken, books.posting(posting, "withdrawal"))
    assert re.search("balance_covers_held|does not continue its account", answer), answer


HOLD = {
    "UPDATE authorizations SET amount = amount + 1": "(?:ends once|can only end)",
    "UPDATE authorizations SET status = 'captured', captured_amount = 100, posting_id = '{deposit_id}'": "of its own",
    "DELETE FROM authorizations": "authorizations are history",
}


def test_a_capture_is_a_card_purchase(books: Books) -> None:
    posting = ids.new()
    with books.hold(100) as hold:
        which = f"WHERE id = '{hold}'"
        capture = "UPDATE authorizations SET status = 'captured', captured_amount = 100"
        capture += f", posting_id = '{posting}', finished_at = '{books.now}' {which}"
        assert "a capture is posted as a card purchase" in books.raw.answer(capture, *books.deposit(posting))
        for statement, reason in HOLD.items():
            answer = books.raw.answer(f"{statement.format(**books.facts)} {which}")
            assert re.search(reason, answer), (statement, answer)
    [(held,)] = books.raw.rows(f"SELECT held FROM accounts WHERE id = '{books.b}'")
    assert held == 0


def test_accounts_do_not_change_hands(books: Books) -> None:
    stranger = books.bank.customer(holder=False)
    for change in (f"user_id = '{stranger.user_id}'", f"id = '{ids.new()}'"):
        answer = books.raw.answer(f"UPDATE account_holders SET {change} WHERE id = '{books.holder_id}'")
        assert re.search("stays the same person|(?i:foreign key)", answer), answer


def new_account(books: Books) -> dict[str, object]:
    row = {"id": ids.new(), "holder_id": books.holder_id, "number": ids.new()[:34], "type": "checking"}
    return (
        row
        | {"currency": "EUR", "balance": 0, "held": 0, "sequence": 0, "status": "active"}
        | {"created_at": books.now}
    )
