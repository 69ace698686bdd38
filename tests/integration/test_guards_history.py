"""Database guards of history: raw SQL cannot change or delete it."""

from __future__ import annotations

import re

import pytest

from bankapp import ids
from tests.support.handwritten import Books, insert

CHANGES = {
    "UPDATE transactions SET amount = amount + 1 WHERE id = '{leg_id}'": "transactions are history",
    "UPDATE transactions SET description = 'x' WHERE id = '{leg_id}'": "transactions are history",
    "UPDATE transactions SET counterparty_name = 'x' WHERE id = '{leg_id}'": "transactions are history",
    "UPDATE transactions SET counterparty_account_number = 'x' WHERE id = '{leg_id}'": "transactions are history",
    "UPDATE transactions SET reference = 'x' WHERE id = '{leg_id}'": "transactions are history",
    "UPDATE transactions SET end_to_end_id = 'x' WHERE id = '{leg_id}'": "transactions are history",
    "DELETE FROM transactions WHERE id = '{leg_id}'": "transactions are history",
    "DELETE FROM transactions": "transactions are history",
    "UPDATE transfers SET to_account_id = '{frozen}' WHERE id = '{transfer_id}'": "transfers are history",
    "DELETE FROM transfers WHERE id = '{transfer_id}'": "transfers are history",
    "UPDATE postings SET kind = 'deposit' WHERE id = '{transfer_id}'": "postings are history",
    "DELETE FROM postings WHERE id = '{transfer_id}'": "postings are history",
    "UPDATE audit_logs SET status = 'failure' WHERE id = '{audit_id}'": "a finished audit row never changes",
    "UPDATE audit_logs SET status = 'pending', finished_at = NULL WHERE id = '{audit_id}'": "never changes",
    "UPDATE audit_logs SET ip_address = '1.2.3.4' WHERE id = '{audit_id}'": "a finished audit row never changes",
    "UPDATE audit_logs SET metadata = '{{}}' WHERE id = '{audit_id}'": "a finished audit row never changes",
    "DELETE FROM audit_logs WHERE id = '{audit_id}'": "audit_logs are history",
    "UPDATE statements SET content_hash = 'x' WHERE id = '{statement_id}'": "statements are history",
    "UPDATE statements SET number = number + 1 WHERE id = '{statement_id}'": "statements are history",
    "DELETE FROM statements WHERE id = '{statement_id}'": "statements are history",
    "INSERT INTO statements SELECT * FROM statements WHERE id = '{statement_id}'"
    " ON CONFLICT (account_id, number) DO UPDATE SET content_hash = 'x'": "statements are history",
    "UPDATE events SET user_id = '{new_id}' WHERE resource_id = '{leg_id}'": "an event is numbered once",
    "UPDATE events SET position = 9, user_position = 9, type = 'transfer.created', account_sequence = NULL"
    " WHERE resource_id = '{leg_id}'": "an event is numbered once",
    "UPDATE events SET position = NULL, user_position = NULL": "an event is numbered once",
    "DELETE FROM events WHERE resource_id = '{leg_id}'": "events are history",
    "INSERT INTO transactions SELECT * FROM transactions WHERE id = '{leg_id}'"
    " ON CONFLICT (id) DO UPDATE SET amount = 1": "history",
    "INSERT INTO transfers SELECT * FROM transfers WHERE id = '{transfer_id}'"
    " ON CONFLICT (id) DO UPDATE SET amount = 1": "(?:transfers are history|the posting is sealed)",
    "INSERT INTO audit_logs SELECT * FROM audit_logs WHERE id = '{audit_id}'"
    " ON CONFLICT (id) DO UPDATE SET status = 'failure'": "(?:never changes|are history)",
}
ONLY = {
    "postgresql": {
        "TRUNCATE transactions CASCADE": "transactions are history: TRUNCATE",
        "TRUNCATE transfers CASCADE": "are history: TRUNCATE",
        "TRUNCATE postings CASCADE": "are history: TRUNCATE",
        "TRUNCATE audit_logs CASCADE": "are history: TRUNCATE",
        "TRUNCATE audit_seals": "are history: TRUNCATE",
        "TRUNCATE events": "events are history: TRUNCATE",
        "TRUNCATE statements": "statements are history: TRUNCATE",
        "TRUNCATE accounts CASCADE": "are history: TRUNCATE",
        "TRUNCATE users CASCADE": "are history: TRUNCATE",
        "MERGE INTO transactions t USING (SELECT 1) AS one ON t.id = '{leg_id}'"
        " WHEN MATCHED THEN UPDATE SET amount = 1": "transactions are history",
        "WITH gone AS (DELETE FROM transactions RETURNING 1) SELECT count(*) FROM gone": "transactions are history",
    },
    "sqlite": {
        "REPLACE INTO transactions SELECT * FROM transactions WHERE id = '{leg_id}'": "the row exists",
        "INSERT OR REPLACE INTO transfers SELECT * FROM transfers WHERE id = '{transfer_id}'": "the row exists|sealed",
        "REPLACE INTO postings SELECT * FROM postings WHERE id = '{transfer_id}'": "the row exists",
        "REPLACE INTO audit_logs SELECT * FROM audit_logs WHERE id = '{audit_id}'": "the row exists",
        "REPLACE INTO statements SELECT * FROM statements WHERE id = '{statement_id}'": "the row exists",
        "REPLACE INTO events SELECT * FROM events WHERE resource_id = '{leg_id}'": "the row exists",
        # The hidden key of SQLite: another id under the row number of an existing row.
        "REPLACE INTO audit_logs (rowid, id, event_type, status, metadata, created_at, finished_at)"
        " SELECT rowid, '{new_id}', 'x', 'success', '{{}}', created_at, finished_at"
        " FROM audit_logs WHERE id = '{audit_id}'": "the row exists",
        "REPLACE INTO postings (rowid, id, kind, created_at)"
        " SELECT rowid, '{new_id}', kind, created_at FROM postings WHERE id = '{transfer_id}'": "the row exists",
        "UPDATE OR REPLACE transactions SET rowid = 1 WHERE id = '{leg_id}'": "transactions are history",
        "UPDATE OR IGNORE transactions SET amount = 1 WHERE id = '{leg_id}'": "transactions are history",
    },
}


@pytest.mark.parametrize("statement", CHANGES)
def test_no_statement_changes_history(books: Books, statement: str) -> None:
    answer = books.raw.answer(statement.format(**books.facts, new_id=ids.new()))
    assert matches(answer, CHANGES[statement]), answer


def test_no_statement_of_one_dialect_changes_history(books: Books) -> None:
    for statement, reason in ONLY[books.raw.dialect].items():
        answer = books.raw.answer(statement.format(**books.facts, new_id=ids.new()))
        assert matches(answer, reason), (statement, answer)


def test_a_pending_audit_row_can_only_be_finished(books: Books) -> None:
    row = {"id": ids.new(), "event_type": "transfer", "resource_type": "transfer", "status": "pending"}
    pending = f"WHERE id = '{row['id']}'"
    books.raw.run(insert("audit_logs", row | {"metadata": "{}", "created_at": books.now}))
    finished = f"status = 'failure', finished_at = '{books.now}'"
    for change in ("event_type = 'login'", "resource_type = 'card'", "ip_address = '::1'", "request_id = 'other-one'"):
        answer = books.raw.answer(f"UPDATE audit_logs SET {finished}, {change} {pending}")
        assert "a pending audit row can only be finished" in answer, change
    other_key = f"UPDATE audit_logs SET {finished}, api_key_id = '{ids.new()}' {pending}"
    assert "audit_logs are history" in books.raw.answer(other_key)
    assert "only be finished" in books.raw.answer(f"UPDATE audit_logs SET metadata = '[]' {pending}")
    assert "finished" in books.raw.answer(f"UPDATE audit_logs SET status = 'success' {pending}")
    assert "are history" in books.raw.answer(f"DELETE FROM audit_logs {pending}")
    if books.raw.dialect == "sqlite":
        number = f"(SELECT rowid FROM audit_logs WHERE id = '{books.audit_id}')"
        answer = books.raw.answer(f"UPDATE OR REPLACE audit_logs SET {finished}, rowid = {number} {pending}")
        assert "only be finished" in answer
    assert books.raw.answer(f"UPDATE audit_logs SET {finished} {pending}") == ""
    assert "never changes" in books.raw.answer(f"UPDATE audit_logs SET {finished} {pending}")


def test_a_finished_audit_row_must_have_its_time(books: Books) -> None:
    row = {"id": ids.new(), "event_type": "login", "status": "success", "metadata": "{}", "created_at": books.now}
    assert "finished" in books.raw.answer(insert("audit_logs", row))
    row |= {"status": "pending", "finished_at": books.now}
    assert "finished" in books.raw.answer(insert("audit_logs", row))


def matches(answer: str, reason: str) -> bool:
    return re.search(reason, answer) is not None


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"number": 4}, "continues the one before"),
        ({"number": 1}, "unique|UNIQUE|the row exists"),
        ({"from_date": "2026-04-01", "to_date": "2026-04-30"}, "continues the one before"),
        ({"from_date": "2026-03-02"}, "one calendar month"),
        ({"to_date": "2026-03-30"}, "one calendar month"),
        ({"opening_balance": 0}, "continues the one before"),
        ({"first_sequence": 1, "entry_count": 2}, "continues the one before"),
        ({"entry_count": 2}, "entries_without_gap"),
        ({"closing_balance": 100}, "the entries of its month"),
        ({"last_sequence": 3, "entry_count": 2, "closing_balance": 103}, "the entries of its month"),
        ({"last_sequence": 1, "entry_count": 0, "closing_balance": 100}, "the entries of its month"),
    ],
    ids=str,
)
def test_a_statement_continues_the_one_before_and_says_what_the_books_say(
    books: Books, changed: dict[str, object], reason: str
) -> None:
    row = books.next_statement | {"id": ids.new()} | changed
    assert matches(books.raw.answer(insert("statements", row)), reason)


def test_the_statement_that_is_next_is_accepted(books: Books) -> None:
    books.raw.connection.execute("BEGIN")
    books.raw.connection.execute(insert("statements", books.next_statement | {"id": ids.new()}))
    books.raw.connection.execute("ROLLBACK")
