"""Database guards against features of PostgreSQL: roles, search paths, temporary tables, COPY, two sessions."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from flask import Flask

from bankapp import ids
from bankapp.extensions import db
from bankapp.repositories.privileges import PRIVILEGES
from tests.support.databases import OWNER, ROLE, application, settings
from tests.support.handwritten import Books, insert
from tests.support.postgres import PostgresServer
from tests.support.raw_sql import RawSql

pytestmark = pytest.mark.parametrize("dialect", ["postgresql"], indirect=True, scope="session")


@pytest.fixture
def role(app: Flask, raw_sql: Callable[..., RawSql]) -> Iterator[RawSql]:
    """Raw SQL under the role of the application."""
    with raw_sql(app, as_role=True) as raw:
        yield raw


FORBIDDEN = [
    "UPDATE accounts SET balance = balance + 1",
    "UPDATE accounts SET sequence = 0",
    "UPDATE accounts SET currency = 'USD'",
    "UPDATE accounts SET holder_id = NULL",
    "UPDATE transactions SET description = 'x'",
    "UPDATE transfers SET description = 'x'",
    "UPDATE postings SET kind = 'deposit'",
    "UPDATE audit_logs SET ip_address = '::1'",
    "UPDATE audit_logs SET api_key_id = NULL",
    "UPDATE api_keys SET scopes = '[]'",
    "UPDATE api_keys SET account_ids = NULL",
    "UPDATE api_keys SET expires_at = now()",
    "UPDATE audit_seals SET digest = ''",
    "UPDATE users SET email = 'x'",
    "UPDATE account_holders SET user_id = user_id",
    "UPDATE cards SET account_id = account_id",
    "UPDATE idempotency_keys SET fingerprint = ''",
    *(f"DELETE FROM {table}" for table, privileges in PRIVILEGES.items() if "DELETE" not in privileges),
    *(f"TRUNCATE {table} CASCADE" for table in PRIVILEGES),
    "SET session_replication_role = replica",
    "ALTER TABLE transactions DISABLE TRIGGER ALL",
    "ALTER TABLE accounts DROP CONSTRAINT ck_accounts_balance_range",
    "DROP TRIGGER postings_seal ON postings",
    "DROP TABLE transfers",
    "CREATE OR REPLACE FUNCTION postings_seal() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    "CREATE TRIGGER mine AFTER INSERT ON transactions FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()",
    "CREATE RULE mine AS ON INSERT TO postings DO INSTEAD NOTHING",
    "CREATE TABLE mine (id int)",
    "CREATE SCHEMA mine",
    "CREATE ROLE mine",
    "UPDATE alembic_version SET version_num = '0001'",
    "LOCK TABLE transactions IN ACCESS EXCLUSIVE MODE",
    "COPY accounts TO PROGRAM 'cat'",
    "ALTER FUNCTION transactions_post() SECURITY INVOKER",
]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_role_cannot_write_more_than_granted(role: RawSql, statement: str) -> None:
    answer = role.answer(statement)
    assert any(word in answer for word in ("permission denied", "must be owner", "must have", "no privileges")), answer


def test_the_role_owns_nothing_and_has_exactly_its_privileges(role: RawSql) -> None:
    owned = role.rows("SELECT relname FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = user)")
    assert owned == []
    granted = role.rows(
        "SELECT table_name, privilege_type, NULL FROM information_schema.table_privileges WHERE grantee = user"
        " UNION SELECT table_name, privilege_type, column_name FROM information_schema.column_privileges"
        " WHERE grantee = user AND privilege_type = 'UPDATE'"
    )
    expected = set()
    for table, privileges in PRIVILEGES.items():
        plain, _, columns = privileges.partition("UPDATE (")
        columns, _, rest = columns.partition(")")
        expected |= {(table, word, None) for word in f"{plain},{rest}".replace(" ", "").split(",") if word}
        expected |= {(table, "UPDATE", column) for column in columns.replace(" ", "").split(",") if column}
    assert set(granted) == expected


def test_every_table_has_its_privileges(app: Flask) -> None:
    assert set(PRIVILEGES) == {*db.metadata.tables, "alembic_version"}


def test_the_application_does_its_work_as_the_role(app: Flask) -> None:
    with app.app_context():
        assert db.session.execute(db.text("SELECT user")).scalar_one() == ROLE


SHADOW = "CREATE TEMP TABLE {0} AS SELECT * FROM public.{0} {1}"


def test_a_temporary_table_does_not_shadow_the_ledger(books: Books, role: RawSql) -> None:
    posting = ids.new()
    fake = f"SET search_path = pg_temp, public; {SHADOW}"
    # If the trigger read the temporary table, its legs would seal a posting that has none.
    role.run(*fake.format("transactions", "").split("; "))
    row = books.leg_row(posting, books.a, "deposit") | {"id": ids.new()}
    counter = books.leg_row(posting, books.cash, "cash_received")
    shadow = [insert("pg_temp.transactions", leg) for leg in (row, counter)]
    seal = books.posting(posting, "deposit").replace("postings", "public.postings")
    assert "the legs of a posting sum to zero" in role.answer(*shadow, seal)
    # If the trigger wrote to the temporary table, its account would take the balance of the leg.
    role.run(SHADOW.format("accounts", f"WHERE id = '{books.a}'"), SHADOW.format("postings", "WHERE false"))
    real = insert("public.transactions", row), insert("public.transactions", counter)
    role.run(*real, seal)
    [(balance,)] = books.raw.rows(f"SELECT balance FROM public.accounts WHERE id = '{books.a}'")
    assert balance == row["balance_after"]
    late = insert("public.transactions", books.leg_row(posting, books.a, "deposit"))
    assert "the posting is sealed" in role.answer(late)


def test_the_posting_trigger_refuses_foreign_tables(books: Books, role: RawSql) -> None:
    role.run("CREATE TEMP TABLE mine AS SELECT * FROM public.transactions WHERE false")
    answer = role.answer("CREATE TRIGGER mine AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION transactions_post()")
    assert answer == "permission denied for function transactions_post"


def test_copy_does_not_bypass_the_triggers(books: Books, role: RawSql) -> None:
    row = books.leg_row(ids.new(), books.a, "deposit") | {"balance_after": 1}
    into = f"COPY transactions ({', '.join(row)}) FROM STDIN"
    with (
        pytest.raises(psycopg.Error, match="does not continue its account"),
        role.connection.cursor() as cursor,
        cursor.copy(into) as copy,
    ):
        copy.write_row(list(row.values()))


def test_one_statement_with_posting_and_legs_does_not_bypass_the_triggers(books: Books) -> None:
    posting = ids.new()
    leg, counter, seal = books.deposit(posting)
    assert "sum to zero" in books.raw.answer(f"WITH leg AS ({leg} RETURNING 1) {seal}")
    assert "sum to zero" in books.raw.answer(f"WITH seal AS ({seal} RETURNING 1) {leg}")
    one_too_many = books.leg(posting, books.b, "deposit")
    both = f"WITH leg AS ({leg}), counter AS ({counter}), late AS ({one_too_many}) {seal}"
    assert "sum to zero" in books.raw.answer(both)


@pytest.mark.parametrize("isolation", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
@pytest.mark.parametrize("rogue", ["legs", "transfer"])
def test_an_open_posting_takes_no_leg_from_another_session(
    books: Books, role: RawSql, isolation: str, rogue: str
) -> None:
    posting = ids.new()
    honest = role.connection
    honest.execute("BEGIN")
    for statement in books.deposit(posting):
        honest.execute(statement)
    other = books.raw.connection
    other.execute(f"BEGIN ISOLATION LEVEL {isolation}")
    if rogue == "transfer":
        other.execute(books.transfer(posting, books.a, books.b))
    else:
        other.execute(books.leg(posting, books.b, "deposit"))
        other.execute(books.leg(posting, books.cash, "cash_received"))
    honest.execute("COMMIT")
    with pytest.raises(psycopg.Error, match=r"sealed|posted as one|foreign key|could not serialize"):
        other.execute("COMMIT")
    [(legs,)] = books.raw.rows(f"SELECT count(*) FROM transactions WHERE posting_id = '{posting}'")
    assert legs == 2


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nobody_there", "There is no role nobody_there"),
        ("postgres", "has powers over the server"),
        (OWNER, "owns the tables"),
        ('"; DROP TABLE users; --', "There is no role"),
    ],
)
def test_grant_refuses_in_one_line(role: RawSql, postgres: PostgresServer, name: str, reason: str) -> None:
    [(database,)] = role.rows("SELECT current_database()")
    with application(settings(postgres.url(database))) as owner:
        result = owner.test_cli_runner().invoke(args=["ledger", "grant", name])
    assert result.exit_code == 1
    assert reason in result.output
    assert len(result.output.splitlines()) == 1
