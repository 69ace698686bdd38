"""Database guards against features of SQLite: conflict clauses, hidden row numbers, columns without types."""

from __future__ import annotations

import re
import sqlite3

import pytest

from bankapp import ids
from tests.support.handwritten import Books, insert

pytestmark = pytest.mark.parametrize("dialect", ["sqlite"], indirect=True, scope="session")


@pytest.mark.parametrize("verb", ["INSERT OR IGNORE", "INSERT OR FAIL", "INSERT OR REPLACE", "INSERT OR ROLLBACK"])
def test_no_conflict_clause_posts_a_leg_without_its_balance(books: Books, verb: str) -> None:
    # The conflict clause of the outer statement also applies inside its triggers, where it could skip a failed CHECK.
    posting = ids.new()
    with books.hold(450):
        statements = ["BEGIN", books.leg(posting, books.b, "withdrawal", 51, verb=verb)]
        statements += [books.leg(posting, books.cash, "cash_paid", 51), books.posting(posting, "withdrawal")]
        # Continues after a refused statement, as a careless script does.
        answers = [answer_of(books, statement) for statement in [*statements, "COMMIT"]]
        answer_of(books, "ROLLBACK")
    assert "does not continue its account" in answers[1]
    assert books.raw.rows(f"SELECT 1 FROM transactions WHERE posting_id = '{posting}'") == []


def answer_of(books: Books, statement: str) -> str:
    try:
        books.raw.connection.execute(statement)
    except sqlite3.Error as refusal:
        return str(refusal)
    return ""


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"amount": 1.5, "balance_after": 10_001.5}, "whole minor units"),
        ({"amount": "one"}, "amount_range"),
        ({"created_at": "tomorrow"}, "a time in UTC|does not continue"),
        ({"created_at": "9999-99-99T00:00:00.000000Z"}, "a time in UTC"),
    ],
    ids=str,
)
def test_a_leg_must_have_whole_units_and_a_time(books: Books, changed: dict[str, object], reason: str) -> None:
    leg = insert("transactions", books.leg_row(ids.new(), books.a, "deposit") | changed)
    answer = books.raw.answer(leg)
    assert re.search(reason, answer), answer


def test_a_hold_must_have_whole_units(books: Books) -> None:
    columns = "card_id, account_id, captured_amount, currency, merchant, status, expires_at, created_at"
    with books.hold(100) as hold:
        copy = f"SELECT '{ids.new()}', {{}}, {columns} FROM authorizations WHERE id = '{hold}'"
        half = f"INSERT INTO authorizations (id, amount, {columns}) {copy.format(1.5)}"
        assert "whole minor units" in books.raw.answer(half)
        for verb in ("INSERT OR IGNORE", "INSERT OR FAIL"):
            too_much = half.replace("1.5", "401").replace("INSERT", verb)
            assert "a hold is covered by the balance" in books.raw.answer(too_much)


def test_no_row_is_replaced_through_its_row_number(books: Books) -> None:
    [(number,)] = books.raw.rows(f"SELECT rowid FROM accounts WHERE id = '{books.b}'")
    account = {"id": ids.new(), "holder_id": books.holder_id, "number": "X", "type": "checking", "currency": "EUR"}
    account |= {"balance": 0, "held": 0, "sequence": 0, "status": "active", "created_at": books.now}
    for statement in (
        insert("accounts", {"rowid": number} | account, "REPLACE"),
        insert("accounts", account | {"number": number_of(books)}, "REPLACE"),
        f"UPDATE OR REPLACE accounts SET rowid = {number} WHERE id = '{books.a}'",
        f"UPDATE OR REPLACE account_holders SET rowid = rowid + 1 WHERE id = '{books.holder_id}'",
        f"REPLACE INTO account_holders SELECT * FROM account_holders WHERE id = '{books.holder_id}'",
        f"REPLACE INTO transactions (rowid, id, account_id, posting_id, type, direction, amount, currency, created_at)"
        f" SELECT rowid, '{ids.new()}', '{books.cash}', posting_id, 'cash_paid', 1, 1, 'EUR', created_at"
        f" FROM transactions WHERE id = '{books.leg_id}'",
    ):
        assert books.raw.answer(statement).startswith("ledger:"), statement


def number_of(books: Books) -> str:
    [(number,)] = books.raw.rows(f"SELECT number FROM accounts WHERE id = '{books.b}'")
    return str(number)


def test_a_second_reversal_does_not_replace_the_first(books: Books) -> None:
    posting = ids.new()
    books.raw.run(
        books.transfer(posting, books.b, books.a, 500, books.transfer_id),
        books.leg(posting, books.b, "transfer_out", 500),
        books.leg(posting, books.a, "transfer_in", 500),
        books.posting(posting, "reversal"),
    )
    again = books.transfer(ids.new(), books.b, books.a, 500, books.transfer_id)
    assert "the row exists" in books.raw.answer(again.replace("INSERT", "REPLACE", 1))


def test_a_temporary_table_does_not_shadow_the_ledger(books: Books) -> None:
    books.raw.run("CREATE TEMP TABLE transactions AS SELECT * FROM main.transactions")
    try:
        answer = books.raw.answer(
            "INSERT INTO main." + books.posting(ids.new(), "deposit").removeprefix("INSERT INTO ")
        )
        assert "the legs of a posting sum to zero" in answer
    finally:
        books.raw.run("DROP TABLE temp.transactions")
