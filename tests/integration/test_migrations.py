"""Migrations run up, down and up again on both databases, and create the tables of the models."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError

from bankapp import db as database
from bankapp.cli import use_migrations
from bankapp.extensions import db
from tests.support import clocks
from tests.support.factories import Bank, ok
from tests.support.raw_sql import RawSql

TABLES: Final = {
    "users": "id email hashed_password created_at role status",
    "account_holders": "id user_id first_name last_name dob created_at",
    "accounts": "id holder_id type currency balance status created_at number held",
    "transactions": "id account_id type amount currency created_at balance_after transfer_id posting_id description"
    " counterparty_name counterparty_account_number reference end_to_end_id",
    "transfers": "id from_account_id to_account_id amount currency created_at description reverses_transfer_id"
    " payee_verification",
    "cards": "id account_id type last4 status created_at",
    "auth_tokens": "id user_id jti issued_at expires_at revoked_at",
    "refresh_tokens": "id user_id token_hash family_id issued_at expires_at revoked_at ip_address device_id",
    "audit_logs": "id user_id event_type resource_type resource_id status ip_address device_id metadata created_at"
    " request_id api_key_id",
    "api_keys": "id user_id name scopes account_ids ip_allowlist last4 secret_hash previous_hash previous_expires_at"
    " created_at expires_at last_used_at revoked_at",
    "payees": "id user_id name account_number nickname trusted created_at",
    "category_rules": "id user_id position category counterparty words type min_amount max_amount created_at",
    "statements": "id account_id number from_date to_date opening_balance closing_balance entry_count first_sequence"
    " last_sequence holder_name content_hash created_at",
}
UNIQUE: Final = {
    "users": ["email"],
    "account_holders": ["user_id"],
    "accounts": ["number"],
    "auth_tokens": ["jti"],
    "refresh_tokens": ["token_hash"],
    "api_keys": ["secret_hash"],
    "transfers": ["reverses_transfer_id"],
    "statements": ["account_id", "number"],
    "payees": ["user_id", "account_number"],
}


@pytest.fixture
def empty_app(dialect: str, request: pytest.FixtureRequest, tmp_path: Path, make_app: Callable[..., Flask]) -> Flask:
    if dialect == "sqlite":
        empty = make_app(f"sqlite:///{tmp_path / 'bank.sqlite3'}")
    else:
        empty = make_app(request.getfixturevalue("postgres").create_database(f"migrations_{uuid.uuid4().hex}"))
    use_migrations(empty)
    return empty


def everything() -> dict[str, Any]:
    """Return the content of the schema: tables with columns and constraints, triggers, functions."""
    inspector = inspect(db.engine)
    found: dict[str, Any] = {
        table: (
            [(column["name"], str(column["type"]), column["nullable"]) for column in inspector.get_columns(table)],
            sorted(names(table)),
        )
        for table in inspector.get_table_names()
        if table != "alembic_version"
    }
    queries = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name",
        "postgresql": "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        " UNION ALL SELECT tgname, '' FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2",
    }
    rows = [tuple(row) for row in db.session.execute(text(queries[db.engine.dialect.name]))]
    return found | ({"programs": rows} if rows else {})


def names(table: str) -> list[str | None]:
    """Return the names of a table's constraints and indexes."""
    inspector = inspect(db.engine)
    found = [inspector.get_pk_constraint(table)["name"]]
    for constraints in (
        inspector.get_foreign_keys(table),
        inspector.get_unique_constraints(table),
        inspector.get_check_constraints(table),
        inspector.get_indexes(table),
    ):
        found += [constraint["name"] for constraint in constraints]
    return found


def test_migrations_run_up_down_and_up_again(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade()
        first = everything()
        assert "programs" in first
        check()
        downgrade(revision="base")
        assert everything() == {}
        upgrade()
        assert everything() == first
        check()
    # The schema is not only equal; the application also works on it.
    bank = Bank(empty_app)
    assert bank.customer().account(balance=5)["balance"] == 0


def test_each_revision_goes_back_one_step(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade(revision="0001")
        tables = everything()
        upgrade()
        downgrade(revision="0001")
        assert everything() == tables


def test_a_database_with_data_gets_its_statements_and_events_by_an_upgrade(empty_app: Flask) -> None:
    # The application works on the newest tables only, so the data is stored there, and then the tables go back.
    with empty_app.app_context():
        upgrade()
    bank = Bank(empty_app)
    ada = bank.customer()
    with clocks.at(datetime(2026, 1, 10, tzinfo=UTC)):
        account = ada.account(balance=500)
    with clocks.at(datetime(2026, 3, 10, tzinfo=UTC)):
        ok(ada.move(account, 200, "withdrawal"), 201)
    ok(bank.employee().post(f"/transfers/{ok(ada.transfer(account, ada.account(), 50), 201)['id']}/reversal"), 201)
    history = ok(ada.get(f"/transactions?account_id={account['id']}"))
    with empty_app.app_context():
        downgrade(revision="0002")
        assert database.table_refusal()
        upgrade()
        assert not database.table_refusal()
        check()
    assert ok(ada.get(f"/transactions?account_id={account['id']}")) == history
    with empty_app.app_context():
        counted = db.session.execute(text("SELECT type, count(*) FROM events GROUP BY type ORDER BY type")).all()
    assert [tuple(row) for row in counted] == [
        ("transaction.created", 6),
        ("transfer.created", 1),
        ("transfer.reversed", 1),
    ]
    with clocks.at(datetime(2026, 4, 10, tzinfo=UTC)):
        found = ok(ada.get(f"/accounts/{account['id']}/statements"))["items"]
    assert [(item["number"], item["closing_balance"], item["entry_count"]) for item in found] == [
        (3, 300, 1),
        (2, 500, 0),
        (1, 500, 1),
    ]
    ada.deposit(account, 1)
    verified = empty_app.test_cli_runner().invoke(args=["ledger", "verify"])
    assert verified.exit_code == 0, verified.output


def test_existing_movements_get_their_counterparties_by_an_upgrade(empty_app: Flask) -> None:
    with empty_app.app_context():
        upgrade()
    bank = Bank(empty_app)
    ada, bob = bank.customer(), bank.customer()
    account, target = ada.account(balance=2_000), bob.account()
    hold = ok(ada.authorize(ada.card(account), 40, merchant="Bakery"), 201)
    ok(ada.post(f"/authorizations/{hold['id']}/capture"))
    ok(ada.move(account, 1, "withdrawal"), 201)
    order = {"from_account_id": account["id"], "to_account_id": target["id"], "amount": 1, "currency": "EUR"}
    # More legs than one step of the migration fills.
    ok(ada.post("/transfers/batch", {"transfers": [order] * 501}))
    sent = ok(ada.transfer(account, target, 1, reference="R", end_to_end_id="E"), 201)
    ok(bank.employee().post(f"/transfers/{sent['id']}/reversal"), 201)
    holder = bob.get("/account-holders/me")
    name = {"first_name": "Bob", "last_name": "Brown"}
    ok(bob.patch(f"/account-holders/{ok(holder)['id']}", name, headers={"If-Match": holder.headers["ETag"]}))
    with empty_app.app_context():
        downgrade(revision="0008")
        if db.engine.dialect.name == "postgresql":
            # What an interrupted run leaves behind.
            with db.engine.begin() as connection:
                connection.execute(text("ALTER TABLE transactions ADD COLUMN counterparty_name varchar(201)"))
        upgrade()
        check()
        with db.engine.connect() as connection, pytest.raises(DBAPIError, match="transactions are history"):
            connection.execute(text("UPDATE transactions SET reference = 'x'"))
        with db.engine.connect() as connection, pytest.raises(DBAPIError, match="transactions are history"):
            connection.execute(text("UPDATE transactions SET counterparty_name = 'x' WHERE counterparty_name IS NULL"))
        sides = "type, counterparty_name, counterparty_account_number"
        rows = db.session.execute(text(f"SELECT {sides}, count(*) FROM transactions GROUP BY {sides}")).all()
    assert {tuple(row) for row in rows} == {
        ("deposit", "Cash", None, 1),
        ("cash_received", None, None, 1),
        ("card_purchase", "Bakery", None, 1),
        ("card_settlement", None, None, 1),
        ("withdrawal", "Cash", None, 1),
        ("cash_paid", None, None, 1),
        ("transfer_out", "Bob Brown", target["number"], 502),
        ("transfer_in", "Ada Lovelace", account["number"], 502),
        ("transfer_out", "Ada Lovelace", account["number"], 1),
        ("transfer_in", "Bob Brown", target["number"], 1),
    }
    read = ok(ada.get(f"/transfers/{sent['id']}"))
    assert read["counterparty"] == {"name": "Bob Brown", "account_number": target["number"]}
    assert (read["reference"], read["end_to_end_id"]) == (None, None)
    verified = empty_app.test_cli_runner().invoke(args=["ledger", "verify"])
    assert verified.exit_code == 0, verified.output


def test_migrations_create_the_tables_of_the_models(app: Flask) -> None:
    with app.app_context():
        inspector = inspect(db.engine)
        for table, columns in TABLES.items():
            found = {column["name"] for column in inspector.get_columns(table)}
            assert set(columns.split()) <= found, table
            assert inspector.get_pk_constraint(table)["constrained_columns"] == ["id"]
        for table, unique in UNIQUE.items():
            assert unique in [one["column_names"] for one in inspector.get_unique_constraints(table)], table


def test_every_constraint_has_a_name_by_the_convention(app: Flask) -> None:
    with app.app_context():
        for table in inspect(db.engine).get_table_names():
            if table == "alembic_version":
                continue
            for name in names(table):
                assert name is not None, table
                assert re.fullmatch(f"(pk_{table}|(ix|uq|ck|fk)_{table}_[a-z0-9_]+)", name), name
                assert len(name) <= 63, f"PostgreSQL would cut {name} off"


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("accounts", "balance = -1"),
        ("accounts", "status = 'lost'"),
        ("accounts", "currency = NULL"),
        ("users", "role = 'king'"),
        ("cards", "type = 'wooden'"),
        ("cards", "account_id = '00000000-0000-0000-0000-000000000000'"),
    ],
)
def test_the_database_refuses_unsound_rows(fresh_bank: Bank, table: str, change: str) -> None:
    ada = fresh_bank.customer()
    account = ada.account()
    assert ada.post("/cards", {"account_id": account["id"], "type": "virtual"}).status_code == 201
    with fresh_bank.app.app_context(), db.engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text(f"UPDATE {table} SET {change}"))


def test_a_database_of_another_application_is_left_alone(empty_app: Flask, raw_sql: Callable[..., RawSql]) -> None:
    with raw_sql(empty_app) as owner:
        owner.run("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        with empty_app.app_context():
            assert "belongs to another application" in str(database.table_refusal())
        upgraded = empty_app.test_cli_runner().invoke(args=["db", "upgrade"])
        assert upgraded.exit_code == 1
        assert "bankapp: the database has tables of another application, such as orders" in upgraded.output


def test_a_migration_that_waits_for_a_lock_gives_up_and_names_its_holder(
    empty_app: Flask, raw_sql: Callable[..., RawSql]
) -> None:
    with empty_app.app_context():
        upgrade(revision="0012")
        before = everything()
    with raw_sql(empty_app) as holder:
        if holder.dialect == "postgresql":
            for statement in ("SET application_name = 'nightly report'", "BEGIN", "LOCK TABLE users, cards"):
                holder.connection.execute(statement)
        else:
            holder.connection.execute("BEGIN IMMEDIATE")
        refused = empty_app.test_cli_runner().invoke(args=["db", "upgrade"])
        holder.connection.execute("ROLLBACK")
    [line] = [line for line in refused.output.splitlines() if line.startswith("bankapp: ")]
    assert refused.exit_code == 1
    assert "changed nothing; run it again" in line
    if holder.dialect == "postgresql":
        assert "of postgres (nightly report, idle in transaction, " in line
        assert line.endswith("s) on cards, users")
    assert "Traceback" not in refused.output
    with empty_app.app_context():
        assert everything() == before
        upgrade()
        assert database.table_refusal() is None
