"""``flask ledger verify``: a sound ledger passes, and each kind of fault that is planted past the guards is named."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from string import Template
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import text

from bankapp import db, ids
from bankapp.db import connection
from bankapp.extensions import db as extension
from bankapp.services import verification
from bankapp.services.verification import Fault
from tests.support import clocks, streams
from tests.support.databases import application, settings
from tests.support.factories import Bank, ok
from tests.support.handwritten import Books, insert, make_books
from tests.support.raw_sql import RawSql, drop_guards

LATE = "2099-01-01T00:00:00.000000Z"
EARLY = "2020-01-01T00:00:00.000000Z"
FEBRUARY = "2026-02-11T00:00:00.000000Z"

# The metadata of sound audit rows; ``$name`` stands for the fact of that name.
TRANSFER = {"from_account_id": "$a", "to_account_id": "$b", "amount": 500, "currency": "EUR"}
DEPOSIT = {"account_id": "$a", "amount": 10_500, "currency": "EUR"}
BATCH = {"transfers": 2, "rejected": 0, "transfer_ids": ["$batch_transfer", "$transfer_id"]}


@dataclass
class Sound:
    """An application whose ledger has one row of every kind, and the ids of these rows."""

    app: Flask
    facts: dict[str, str]


@pytest.fixture(scope="module")
def sound(new_database: Callable[..., str], raw_sql: Callable[..., RawSql]) -> Iterator[Sound]:
    with application(settings(new_database())) as app, raw_sql(app) as raw:
        books = make_books(Bank(app), raw)
        facts = books.facts | post_more(books) | with_statements(books)
        streams.number(app)
        yield Sound(app, facts | numbered_events(books, facts))


@pytest.fixture(scope="module")
def without_guards(sound: Sound, raw_sql: Callable[..., RawSql]) -> Iterator[Callable[..., list[Fault]]]:
    """Return a function that plants faults past the guards, returns the findings, and rolls everything back."""

    def find(*statements: str) -> list[Fault]:
        found: list[Fault] = []

        def plant() -> None:
            drop_guards(execute, extension.engine.dialect.name)
            for statement in statements:
                execute(statement)
            verification.verify(found.append, lambda _done, _total: None)
            raise TakenBack

        with admin.app_context(), contextlib.suppress(TakenBack):
            db.run(plant)
        with admin.app_context():
            # An open cursor would block the next connection that drops the guards.
            extension.engine.dispose()
        return found

    with raw_sql(sound.app) as raw, application(settings(raw.url)) as admin:
        yield find


class TakenBack(Exception):
    pass


def execute(statement: str) -> Any:
    return connection.current().pooled().execute(text(statement.replace(":", "\\:")))


def post_more(books: Books) -> dict[str, str]:
    """Reverse, post a batch, hold and capture; return the ids of the results and of single legs."""
    a, b = ({"id": account, "currency": "EUR"} for account in (books.a, books.b))
    ok(books.ada.transfer(a, b, 70, key="rent"), 201)
    staff = books.bank.employee()
    reversal = ok(staff.post(f"/transfers/{books.transfer_id}/reversal"), 201)["id"]
    orders = [{"from_account_id": a["id"], "to_account_id": b["id"], "amount": 5, "currency": "EUR"}] * 3
    batch = ok(books.ada.post("/transfers/batch", {"transfers": orders}))["items"]
    hold, captured = (
        ok(books.bob.post(f"/cards/{books.card}/authorizations", order | {"currency": "EUR", "merchant": "Shop"}), 201)
        for order in ({"amount": 30}, {"amount": 20})
    )
    ok(books.bob.post(f"/authorizations/{captured['id']}/capture"))
    legs = books.raw.rows(f"SELECT id FROM transactions WHERE account_id = '{books.a}' ORDER BY sequence")
    purchase = f"SELECT posting_id FROM authorizations WHERE id = '{captured['id']}'"
    return {
        "reversal_id": reversal,
        "batch_transfer": batch[1]["transfer"]["id"],
        "hold": hold["id"],
        "captured": captured["id"],
        "purchase": books.raw.rows(purchase)[0][0],
        "purchase_leg": books.raw.rows(
            f"SELECT id FROM transactions WHERE posting_id = ({purchase}) AND type = 'card_purchase'"
        )[0][0],
        "second_leg": legs[1][0],
        "last_leg": legs[-1][0],
        "counter_leg": transaction_id(books, "account_id = '{cash}' AND posting_id = '{deposit_id}'"),
        "out_leg": transaction_id(books, "posting_id = '{transfer_id}' AND type = 'transfer_out'"),
        "scope": books.raw.rows("SELECT scope FROM idempotency_keys")[0][0],
    }


def with_statements(books: Books) -> dict[str, str]:
    """Let Ada have an account with statements of January (an entry), February (none) and March (an entry)."""
    with clocks.at(datetime(2026, 1, 10, tzinfo=UTC)):
        account = books.ada.account(balance=100)
    with clocks.at(datetime(2026, 3, 10, tzinfo=UTC)):
        books.ada.deposit(account, 1)
    with clocks.at(datetime(2026, 4, 10, tzinfo=UTC)):
        found = ok(books.ada.get(f"/accounts/{account['id']}/statements"))["items"]
    names = ("third_statement", "second_statement", "first_statement")
    facts = {name: str(item["id"]) for name, item in zip(names, found, strict=True)}
    facts["old_entry"] = transaction_id(books, f"account_id = '{account['id']}' AND sequence = 1")
    facts["third_statement_entry"] = transaction_id(books, f"account_id = '{account['id']}' AND sequence = 2")
    return facts


def numbered_events(books: Books, facts: dict[str, str]) -> dict[str, str]:
    """Return the ids of events: of two legs of ``a``, the last one of all, and one that another follows."""
    [last, _, inner] = books.raw.rows("SELECT id FROM events ORDER BY position DESC LIMIT 3")
    legs = {
        name: books.raw.rows(f"SELECT id FROM events WHERE resource_id = '{facts[leg]}'")[0][0]
        for name, leg in (("leg_event", "leg_id"), ("second_leg_event", "second_leg"))
    }
    after = f"SELECT id FROM events WHERE position = (SELECT position + 1 FROM events WHERE id = '{inner[0]}')"
    return {**legs, "last_event": last[0], "inner_event": inner[0], "following_event": books.raw.rows(after)[0][0]} | {
        "sequencer": "sequencer"
    }


def transaction_id(books: Books, where: str) -> str:
    return str(books.raw.rows(f"SELECT id FROM transactions WHERE {where.format(**books.facts)}")[0][0])


def test_sound_books_pass(sound: Sound) -> None:
    result = sound.app.test_cli_runner().invoke(args=["ledger", "verify", "--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"], report["faults"]) == (0, True, [])
    assert report["checked"]["transfers"] == 6
    assert report["checked"]["statements"] == 5
    assert report["checked"]["transactions"] == 2 * report["checked"]["postings"]


def test_sound_books_pass_without_guards(without_guards: Callable[..., list[Fault]]) -> None:
    assert without_guards() == []


# Rule and fault → the statement that plants the fault.
FAULTS: dict[tuple[str, ...], str] = {
    ("balance", "a"): "UPDATE accounts SET balance = balance + 1 WHERE id = '{a}'",
    ("last_sequence", "a"): "UPDATE accounts SET sequence = sequence + 1 WHERE id = '{a}'",
    ("last_time", "a"): f"UPDATE accounts SET last_posted_at = '{LATE}' WHERE id = '{{a}}'",
    ("sequence", "last_leg"): "UPDATE transactions SET sequence = sequence + 9 WHERE id = '{last_leg}'",
    ("sequence", "second_leg"): "DELETE FROM transactions WHERE id = '{leg_id}'",
    ("running_balance", "second_leg"): "UPDATE transactions SET balance_after = 1 WHERE id = '{second_leg}'",
    ("time", "second_leg"): f"UPDATE transactions SET created_at = '{EARLY}' WHERE id = '{{second_leg}}'",
    ("held", "b"): "UPDATE accounts SET held = held - 1 WHERE id = '{b}'",
    ("held", "b", "expired"): "UPDATE authorizations SET status = 'expired' WHERE id = '{hold}'",
    ("account_state", "a"): "UPDATE accounts SET status = 'closed' WHERE id = '{a}'",
    ("account_state", "b"): "UPDATE accounts SET held = balance + 1 WHERE id = '{b}'",
    ("account_state", "closed"): "UPDATE accounts SET balance = -1 WHERE id = '{closed}'",
    ("account_state", "cash"): "UPDATE accounts SET status = 'frozen' WHERE id = '{cash}'",
    ("leg_account", "second_leg"): "UPDATE transactions SET currency = 'USD' WHERE id = '{second_leg}'",
    ("leg_account", "last_leg"): "UPDATE transactions SET account_id = '{new}' WHERE id = '{last_leg}'",
    ("leg_account", "counter_leg"): "UPDATE transactions SET account_id = '{usd}' WHERE id = '{counter_leg}'",
    ("leg", "counter_leg"): "UPDATE transactions SET direction = 1 WHERE id = '{counter_leg}'",
    ("leg", "leg_id"): "UPDATE transactions SET amount = 0 WHERE id = '{leg_id}'",
    ("leg", "out_leg"): "UPDATE transactions SET transfer_id = NULL WHERE id = '{out_leg}'",
    ("leg_posting", "leg_id"): "DELETE FROM postings WHERE id = '{deposit_id}'",
    ("posting_balance", "deposit_id"): "DELETE FROM transactions WHERE id = '{counter_leg}'",
    ("posting_balance", "transfer_id"): "UPDATE transactions SET amount = amount + 1 WHERE id = '{out_leg}'",
    ("posting_legs", "new"): f"INSERT INTO postings (id, kind, created_at) VALUES ('{{new}}', 'deposit', '{EARLY}')",
    ("posting_legs", "deposit_id"): "UPDATE postings SET kind = 'withdrawal' WHERE id = '{deposit_id}'",
    ("posting_transfer", "transfer_id"): "DELETE FROM transfers WHERE id = '{transfer_id}'",
    ("transfer_legs", "transfer_id"): "UPDATE transfers SET amount = amount + 1 WHERE id = '{transfer_id}'",
    ("transfer_legs", "batch_transfer"): "UPDATE transfers SET to_account_id = '{usd}' WHERE id = '{batch_transfer}'",
    ("transfer_posting", "transfer_id"): "UPDATE postings SET kind = 'reversal' WHERE id = '{transfer_id}'",
    ("transfer_posting", "batch_transfer"): "DELETE FROM postings WHERE id = '{batch_transfer}'",
    ("reversal", "reversal_id"): "UPDATE transfers SET amount = amount - 1 WHERE id = '{reversal_id}'",
    ("reversal", "reversal_id", "none"): "DELETE FROM transfers WHERE id = '{transfer_id}'",
    ("reversed_once", "transfer_id"): "",
    ("capture", "captured"): "UPDATE authorizations SET captured_amount = 19 WHERE id = '{captured}'",
    ("purchase", "purchase"): "DELETE FROM authorizations WHERE id = '{captured}'",
    ("audit", "transfer_id"): "UPDATE audit_logs SET status = 'failure' WHERE resource_id = '{transfer_id}'",
    ("counterparty", "out_leg"): "UPDATE transactions SET counterparty_account_number = 'DE00' WHERE id = '{out_leg}'",
    ("counterparty", "out_leg", "none"): "UPDATE transactions SET counterparty_name = NULL,"
    " counterparty_account_number = NULL WHERE id = '{out_leg}'",
    ("counterparty", "out_leg", "no_name"): "UPDATE transactions SET counterparty_name = NULL WHERE id = '{out_leg}'",
    ("counterparty", "out_leg", "reference"): "UPDATE transactions SET reference = 'x' WHERE id = '{out_leg}'",
    ("counterparty", "out_leg", "end_to_end_id"): "UPDATE transactions SET end_to_end_id = 'x' WHERE id = '{out_leg}'",
    ("counterparty", "leg_id"): "UPDATE transactions SET counterparty_name = 'Eve' WHERE id = '{leg_id}'",
    (
        "counterparty",
        "leg_id",
        "number",
    ): "UPDATE transactions SET counterparty_account_number = 'x' WHERE id = '{leg_id}'",
    ("counterparty", "counter_leg"): "UPDATE transactions SET counterparty_name = 'Cash' WHERE id = '{counter_leg}'",
    ("counterparty", "purchase_leg"): "UPDATE transactions SET counterparty_name = 'Eve' WHERE id = '{purchase_leg}'",
    ("audit", "deposit_id"): "DELETE FROM audit_logs WHERE resource_id = '{leg_id}'",
    ("audit", "purchase"): "DELETE FROM audit_logs WHERE resource_id = '{captured}'",
    ("audit", "batch_transfer"): "DELETE FROM audit_logs WHERE event_type = 'transfer_batch'",
    ("audit_outcome", "audit_id"): "UPDATE audit_logs SET finished_at = NULL WHERE id = '{audit_id}'",
    ("audit_outcome", "audit_id", "status"): "UPDATE audit_logs SET status = 'odd' WHERE id = '{audit_id}'",
    ("transaction_event", "leg_id"): "DELETE FROM events WHERE id = '{leg_event}'",
    ("transaction_event", "leg_id", "sequence"): "UPDATE events SET account_sequence = 7 WHERE id = '{leg_event}'",
    ("transaction_event", "leg_id", "user"): "UPDATE events SET user_id = '{new}' WHERE id = '{leg_event}'",
    ("transfer_event", "transfer_id"): "DELETE FROM events WHERE resource_id = '{transfer_id}'"
    " AND type = 'transfer.created'",
    ("transfer_event", "reversal_id"): "DELETE FROM events WHERE type = 'transfer.reversed'",
    ("event_resource", "leg_event"): "UPDATE events SET resource_id = '{new}' WHERE id = '{leg_event}'",
    ("event_position", "following_event"): "DELETE FROM events WHERE id = '{inner_event}'",
    ("event_position", "last_event"): "UPDATE events SET position = position + 1 WHERE id = '{last_event}'",
    ("event_position", "last_event", "user"): "UPDATE events SET user_position = user_position + 1"
    " WHERE id = '{last_event}'",
    ("event_position", "sequencer"): "DELETE FROM events WHERE id = '{last_event}'",
    ("event_order", "second_leg_event"): "UPDATE events SET position = 100000 WHERE id = '{leg_event}'",
    ("idempotency", "scope"): "UPDATE idempotency_keys SET answer_body = NULL",
    ("statement_number", "second_statement"): "DELETE FROM statements WHERE id = '{first_statement}'",
    ("statement_number", "third_statement"): "UPDATE statements SET number = 4 WHERE id = '{third_statement}'",
    ("statement_number", "third_statement", "month"): "UPDATE statements SET from_date = '2026-04-01',"
    " to_date = '2026-04-30' WHERE id = '{third_statement}'",
    ("statement_balance", "third_statement"): "UPDATE statements SET closing_balance = closing_balance + 1"
    " WHERE id = '{third_statement}'",
    ("statement_balance", "third_statement", "opening"): "UPDATE statements SET opening_balance = 7"
    " WHERE id = '{third_statement}'",
    ("statement_balance", "first_statement"): "UPDATE statements SET entry_count = 0, last_sequence = 0"
    " WHERE id = '{first_statement}'",
    ("statement_balance", "second_statement"): f"UPDATE transactions SET created_at = '{FEBRUARY}'"
    " WHERE id = '{third_statement_entry}'",
    ("statement_hash", "first_statement"): "UPDATE transactions SET description = 'other' WHERE id = '{old_entry}'",
    ("statement_hash", "second_statement"): "UPDATE statements SET holder_name = 'Eve' WHERE id = '{second_statement}'",
    ("statement_hash", "third_statement"): "UPDATE statements SET content_hash = 'x' WHERE id = '{third_statement}'",
}


@pytest.mark.parametrize("fault", FAULTS, ids="-".join)
def test_a_planted_fault_is_named(
    sound: Sound, without_guards: Callable[..., list[Fault]], dialect: str, fault: tuple[str, ...]
) -> None:
    facts = sound.facts | {"new": ids.new()}
    statement = FAULTS[fault].format(**facts)
    found = without_guards(*([statement] if statement else second_reversal(dialect, facts)))
    assert (fault[0], facts[fault[1]]) in {(each.rule, each.id) for each in found}, found


# Successful audit rows without matching money: the event, the fact that names the resource, and the metadata, in which
# ``$name`` stands for the fact of that name.
UNTRUE_AUDIT_ROWS: dict[str, tuple[str, str, dict[str, Any] | list[Any]]] = {
    "transfer_stored_nothing": ("transfer", "nothing", TRANSFER),
    "transfer_without_resource": ("transfer", "", TRANSFER),
    "transfer_without_facts": ("transfer", "transfer_id", []),
    "transfer_of_another_amount": ("transfer", "transfer_id", TRANSFER | {"amount": 501}),
    "transfer_of_another_currency": ("transfer", "transfer_id", TRANSFER | {"currency": "USD"}),
    "transfer_from_another_account": ("transfer", "transfer_id", TRANSFER | {"from_account_id": "$usd"}),
    "transfer_to_another_account": ("transfer", "transfer_id", TRANSFER | {"to_account_id": "$usd"}),
    "transfer_that_is_a_reversal": (
        "transfer",
        "reversal_id",
        TRANSFER | {"from_account_id": "$b", "to_account_id": "$a"},
    ),
    "deposit_stored_nothing": ("deposit", "nothing", DEPOSIT),
    "deposit_of_another_amount": ("deposit", "leg_id", DEPOSIT | {"amount": 1}),
    "deposit_of_another_currency": ("deposit", "leg_id", DEPOSIT | {"currency": "USD"}),
    "deposit_on_another_account": ("deposit", "leg_id", DEPOSIT | {"account_id": "$b"}),
    "withdrawal_that_is_a_deposit": ("withdrawal", "leg_id", DEPOSIT),
    "withdrawal_stored_nothing": ("withdrawal", "nothing", DEPOSIT),
    "capture_of_no_hold": ("card_capture", "nothing", {"amount": 20}),
    "capture_of_a_pending_hold": ("card_capture", "hold", {"amount": 30}),
    "capture_of_another_amount": ("card_capture", "captured", {"amount": 19}),
    "reversal_stored_nothing": ("reversal", "nothing", {"reverses_transfer_id": "$transfer_id"}),
    "reversal_that_is_a_transfer": ("reversal", "transfer_id", {"reverses_transfer_id": "$transfer_id"}),
    "reversal_of_another_transfer": ("reversal", "reversal_id", {"reverses_transfer_id": "$batch_transfer"}),
    "batch_stored_nothing": ("transfer_batch", "", BATCH | {"transfer_ids": ["$nothing"]}),
    "batch_with_a_transfer_missing": ("transfer_batch", "", BATCH | {"transfers": 3}),
    "batch_with_a_transfer_twice": ("transfer_batch", "", BATCH | {"transfer_ids": ["$batch_transfer"] * 2}),
    "batch_with_a_transfer_too_many": ("transfer_batch", "", BATCH | {"transfers": 1}),
    "batch_with_an_odd_id": ("transfer_batch", "", BATCH | {"transfer_ids": ["odd", 7]}),
    "batch_without_ids": ("transfer_batch", "", {"transfers": 2, "rejected": 1}),
    "batch_without_numbers": ("transfer_batch", "", BATCH | {"transfers": "odd"}),
}


@pytest.mark.parametrize("name", UNTRUE_AUDIT_ROWS)
def test_an_audit_row_of_money_that_did_not_move_is_named(
    sound: Sound, without_guards: Callable[..., list[Fault]], name: str
) -> None:
    found = without_guards(audit_row(sound, *UNTRUE_AUDIT_ROWS[name]))
    assert ("audit_money", sound.facts["row"]) in {(fault.rule, fault.id) for fault in found}, found


TRUE_AUDIT_ROWS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "transfer": ("transfer", "transfer_id", TRANSFER),
    "deposit": ("deposit", "leg_id", DEPOSIT),
    "capture": ("card_capture", "captured", {"amount": 20}),
    "reversal": ("reversal", "reversal_id", {"reverses_transfer_id": "$transfer_id"}),
}


@pytest.mark.parametrize("name", TRUE_AUDIT_ROWS)
def test_a_second_audit_row_of_the_same_money_is_named(
    sound: Sound, without_guards: Callable[..., list[Fault]], name: str
) -> None:
    found = without_guards(audit_row(sound, *TRUE_AUDIT_ROWS[name]))
    assert [(fault.rule, fault.id) for fault in found] == [("audit_once", sound.facts["row"])]


@pytest.mark.parametrize("status", ["pending", "failure"])
def test_an_audit_row_without_success_may_name_no_money(
    sound: Sound, without_guards: Callable[..., list[Fault]], status: str
) -> None:
    finished_at = None if status == "pending" else LATE
    planted = audit_row(sound, "transfer", "nothing", TRANSFER, status=status, finished_at=finished_at)
    assert without_guards(planted) == []


def test_an_audit_row_with_invalid_json_is_named(
    sound: Sound, without_guards: Callable[..., list[Fault]], dialect: str
) -> None:
    if dialect == "sqlite":  # PostgreSQL's column refuses invalid JSON
        planted = audit_row(sound, "transfer", "transfer_id", TRANSFER)
        found = without_guards(planted, "UPDATE audit_logs SET metadata = 'no json' WHERE created_at = '" + LATE + "'")
        assert ("audit_money", sound.facts["row"]) in {(fault.rule, fault.id) for fault in found}


def test_a_staff_read_of_a_transfer_is_no_audit_row_of_its_money(
    sound: Sound, without_guards: Callable[..., list[Fault]]
) -> None:
    """A read of a transfer by staff leaves a successful audit row with the transfer's id, too."""
    looked_at = audit_row(sound, "staff_access", "transfer_id", {})
    failed = f"UPDATE audit_logs SET status = 'failure' WHERE id = '{sound.facts['audit_id']}'"
    found = without_guards(looked_at, failed)
    assert [(fault.rule, fault.id) for fault in found] == [("audit", sound.facts["transfer_id"])]


def audit_row(sound: Sound, event: str, resource: str, metadata: Any, **changed: Any) -> str:
    """Return the INSERT of a successful audit row with the id ``row`` of the facts."""
    facts = sound.facts | {"nothing": ids.new()}
    sound.facts["row"] = ids.new()
    row = {"id": sound.facts["row"], "event_type": event, "resource_id": facts[resource] if resource else None}
    row |= {"status": "success", "created_at": LATE, "finished_at": LATE}
    row["metadata"] = Template(json.dumps(metadata)).substitute(facts)
    return insert("audit_logs", row | changed)


def second_reversal(dialect: str, facts: dict[str, str]) -> list[str]:
    """Return statements that drop the unique key and reverse a transfer a second time."""
    columns = "from_account_id, to_account_id, amount, currency, reverses_transfer_id, created_at"
    again = f"INSERT INTO transfers (id, {columns}) SELECT '{uuid.uuid4()}', {columns} FROM transfers"
    again += f" WHERE id = '{facts['reversal_id']}'"
    if dialect == "postgresql":
        return ["ALTER TABLE transfers DROP CONSTRAINT uq_transfers_reverses_transfer_id", again]
    return [
        "CREATE TABLE loose AS SELECT * FROM transfers",
        "CREATE UNIQUE INDEX loose_id ON loose (id)",
        "DROP TABLE transfers",
        "ALTER TABLE loose RENAME TO transfers",
        again,
    ]


def test_a_fraction_of_a_cent_is_named(sound: Sound, without_guards: Callable[..., list[Fault]], dialect: str) -> None:
    if dialect == "sqlite":  # PostgreSQL's columns refuse fractions
        found = without_guards(f"UPDATE transactions SET amount = 1.5 WHERE id = '{sound.facts['leg_id']}'")
        assert ("leg", sound.facts["leg_id"]) in {(fault.rule, fault.id) for fault in found}


def test_a_statement_whose_times_cannot_be_read_is_named(
    sound: Sound, without_guards: Callable[..., list[Fault]], dialect: str
) -> None:
    if dialect == "sqlite":  # the columns of the other hold none
        statement_id = sound.facts["first_statement"]
        for change in ("created_at = 'soon'", "from_date = 'odd'"):
            found = without_guards(f"UPDATE statements SET {change} WHERE id = '{statement_id}'")
            assert ("statement_hash", statement_id) in {(fault.rule, fault.id) for fault in found}


def test_every_row_of_many_is_checked(
    sound: Sound, without_guards: Callable[..., list[Fault]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bankapp.repositories.verification.RANGE_SIZE", 2)
    assert without_guards() == []
    accounts = [sound.facts[name] for name in ("a", "b", "usd", "frozen", "closed")]
    found = without_guards(*(f"UPDATE accounts SET balance = balance + 1 WHERE id = '{each}'" for each in accounts))
    assert {fault.id for fault in found if fault.rule == "balance"} == set(accounts)


def test_the_command_names_faults_and_fails(fresh_bank: Bank, raw_sql: Callable[..., RawSql]) -> None:
    account = fresh_bank.customer().account()
    with raw_sql(fresh_bank.app, guarded=False) as raw:
        raw.run(f"UPDATE accounts SET balance = 7, status = 'closed' WHERE id = '{account['id']}'")
    runner = fresh_bank.app.test_cli_runner()
    result = runner.invoke(args=["ledger", "verify"])
    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert lines[0].startswith(f"balance: account {account['id']}: expected 0, found 7 (")
    assert lines[1].startswith(f"account_state: account {account['id']}: expected no balance when closed, found")
    assert lines[2].endswith(": 2 faults.")
    result = runner.invoke(args=["ledger", "verify", "--json"])
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"]) == (1, False)
    assert [(fault["rule"], fault["id"]) for fault in report["faults"]] == [
        ("balance", account["id"]),
        ("account_state", account["id"]),
    ]
