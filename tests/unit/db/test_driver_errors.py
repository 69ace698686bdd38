"""What the errors of both drivers mean: a repeat, an outage, a constraint, or a bug."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import Any

import psycopg
import pytest
from psycopg import errors as sqlstates
from sqlalchemy.exc import DBAPIError, TimeoutError

from bankapp.db import driver_errors
from bankapp.db.driver_errors import ConstraintViolated, Repeat, Unconfirmed, meaning
from bankapp.errors import Unavailable


def from_postgresql(sqlstate: str, *, is_lost: bool = False) -> DBAPIError:
    """Return the error that SQLAlchemy raises for a SQLSTATE, of the class that psycopg chooses."""
    return wrapped(sqlstates.lookup(sqlstate)("driver text"), psycopg.Error, is_lost)


def from_sqlite(name: str, kind: type[sqlite3.Error] = sqlite3.OperationalError) -> DBAPIError:
    problem = kind("driver text")
    problem.sqlite_errorname = name
    return wrapped(problem, sqlite3.Error, is_lost=False)


def wrapped(problem: Exception, base: type[Exception], is_lost: bool) -> DBAPIError:
    found: Any = DBAPIError.instance("SELECT 1", None, problem, base, connection_invalidated=is_lost)
    assert isinstance(found, DBAPIError)
    return found


# PostgreSQL


@pytest.mark.parametrize("sqlstate", ["40001", "40P01"])
def test_conflicts_of_transactions_are_repeated(sqlstate: str) -> None:
    problem = from_postgresql(sqlstate)
    assert type(meaning(problem)) is Repeat
    # A commit that failed so did not happen, so its outcome is known.
    assert driver_errors.is_repeatable(problem)


UNAVAILABLE = [
    "08000",  # connection exception
    "08001",
    "08003",
    "08006",
    "53000",  # insufficient resources
    "53100",  # disk full
    "53200",  # out of memory
    "53300",  # too many connections
    "55P03",  # lock not available
    "57014",  # query cancelled: its time was over
    "57P01",  # shutting down
    "57P02",
    "57P03",  # starting up
    "57P05",
    "58000",  # system error
    "58030",  # input or output failed
    "25006",  # read-only: a standby
]


@pytest.mark.parametrize("sqlstate", UNAVAILABLE)
def test_a_database_that_is_away_or_full_is_unavailable(sqlstate: str) -> None:
    problem = from_postgresql(sqlstate)
    found = meaning(problem)
    assert type(found) is Unavailable
    assert found.retry_after_seconds == 2
    assert not driver_errors.is_repeatable(problem)


@pytest.mark.parametrize("sqlstate", ["08006", "57P01", "57P02"])
def test_a_connection_that_broke_leaves_the_outcome_open(sqlstate: str) -> None:
    assert type(meaning(from_postgresql(sqlstate, is_lost=True))) is Unconfirmed


CONSTRAINTS = [
    "23000",
    "23502",  # not null
    "23503",  # foreign key
    "23505",  # unique
    "23514",  # check, and what the guards raise
    "23P01",  # exclusion
]


@pytest.mark.parametrize("sqlstate", CONSTRAINTS)
def test_a_broken_constraint_is_told_as_such(sqlstate: str) -> None:
    assert type(meaning(from_postgresql(sqlstate))) is ConstraintViolated


BUGS = [
    "0A000",  # feature not supported
    "22001",  # too long
    "22003",  # out of range
    "22012",  # division by zero
    "22P02",  # no valid text of the type
    "25P02",  # in a failed transaction
    "26000",  # unknown prepared statement
    "28000",  # not allowed to sign in
    "3D000",  # no such database
    "42501",  # no permission
    "42601",  # syntax
    "42703",  # no such column
    "42P01",  # no such table
    "P0001",  # raised by a function
    "XX000",  # internal error
    "XX001",  # damaged data
]


@pytest.mark.parametrize("sqlstate", BUGS)
def test_another_error_of_postgresql_is_a_bug_and_stays_as_it_is(sqlstate: str) -> None:
    # Answered as 500: a client that was told to retry would do so for ever.
    problem = from_postgresql(sqlstate)
    assert meaning(problem) is problem
    assert not driver_errors.is_outage(problem)
    assert not driver_errors.is_repeatable(problem)


def test_every_sqlstate_means_one_thing() -> None:
    found: dict[str, set[str]] = {}
    for name in dir(sqlstates):
        sqlstate = getattr(getattr(sqlstates, name), "sqlstate", None)
        if isinstance(sqlstate, str):
            told = meaning(from_postgresql(sqlstate))
            kind = "bug" if isinstance(told, DBAPIError) else type(told).__name__
            found.setdefault(kind, set()).add(sqlstate)
    assert found["Repeat"] == {"40001", "40P01"}
    assert found["Unavailable"] >= set(UNAVAILABLE)
    assert {state[:2] for state in found["Unavailable"] - {"55P03", "25006"}} == {"08", "53", "57", "58"}
    assert {state[:2] for state in found["ConstraintViolated"]} == {"23"}
    assert set(BUGS) <= found["bug"]
    assert set(found) == {"Repeat", "Unavailable", "ConstraintViolated", "bug"}


def test_an_error_without_a_state_is_an_outage_where_it_is_operational() -> None:
    refused = wrapped(psycopg.OperationalError("connection refused"), psycopg.Error, is_lost=False)
    assert type(meaning(refused)) is Unavailable
    broken = wrapped(psycopg.OperationalError("server closed the connection"), psycopg.Error, is_lost=True)
    assert type(meaning(broken)) is Unconfirmed
    closed = wrapped(psycopg.InterfaceError("the connection is closed"), psycopg.Error, is_lost=False)
    assert type(meaning(closed)) is Unavailable
    wrong = wrapped(psycopg.ProgrammingError("a parameter is missing"), psycopg.Error, is_lost=False)
    assert meaning(wrong) is wrong


# SQLite


@pytest.mark.parametrize(
    "name",
    ["SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT", "SQLITE_BUSY_RECOVERY", "SQLITE_LOCKED", "SQLITE_LOCKED_SHAREDCACHE"],
)
def test_a_busy_sqlite_is_repeated(name: str) -> None:
    problem = from_sqlite(name)
    assert type(meaning(problem)) is Repeat
    assert driver_errors.is_repeatable(problem)


@pytest.mark.parametrize(
    "name",
    [
        "SQLITE_CANTOPEN",
        "SQLITE_CANTOPEN_ISDIR",
        "SQLITE_IOERR",
        "SQLITE_IOERR_FSYNC",
        "SQLITE_FULL",
        "SQLITE_NOMEM",
        "SQLITE_READONLY",
        "SQLITE_READONLY_DBMOVED",
    ],
)
def test_a_sqlite_file_that_is_away_or_full_is_unavailable(name: str) -> None:
    problem = from_sqlite(name)
    assert type(meaning(problem)) is Unavailable
    assert not driver_errors.is_repeatable(problem)


@pytest.mark.parametrize(
    "name", ["SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_CHECK", "SQLITE_CONSTRAINT_TRIGGER", "SQLITE_CONSTRAINT"]
)
def test_a_broken_constraint_of_sqlite_is_told_as_such(name: str) -> None:
    assert type(meaning(from_sqlite(name, sqlite3.IntegrityError))) is ConstraintViolated


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("SQLITE_ERROR", sqlite3.OperationalError),
        ("SQLITE_MISUSE", sqlite3.InterfaceError),
        ("SQLITE_RANGE", sqlite3.InterfaceError),
        ("SQLITE_CORRUPT", sqlite3.DatabaseError),
        ("SQLITE_NOTADB", sqlite3.DatabaseError),
        ("SQLITE_TOOBIG", sqlite3.DataError),
    ],
)
def test_another_error_of_sqlite_is_a_bug(name: str, kind: type[sqlite3.Error]) -> None:
    problem = from_sqlite(name, kind)
    assert meaning(problem) is problem
    assert not driver_errors.is_outage(problem)


def raised(*statements: str) -> DBAPIError:
    """Run statements on an empty SQLite database, and return the error of the last one."""
    *before, last = statements
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        for statement in before:
            connection.execute(statement)
        with pytest.raises(sqlite3.Error) as caught:
            connection.execute(last)
    return wrapped(caught.value, sqlite3.Error, is_lost=False)


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["CREATE TABLE t (a UNIQUE)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)"], ConstraintViolated),
        (["CREATE TABLE t (a CHECK (a > 0))", "INSERT INTO t VALUES (0)"], ConstraintViolated),
        (["PRAGMA query_only = ON", "CREATE TABLE t (a)"], Unavailable),
        (["SELECT * FROM missing"], DBAPIError),
        (["SELEC 1"], DBAPIError),
    ],
)
def test_the_errors_of_sqlite_itself_are_understood(statements: list[str], expected: type[Exception]) -> None:
    assert isinstance(meaning(raised(*statements)), expected)


# Both


def test_a_pool_that_is_used_up_is_unavailable() -> None:
    found = meaning(TimeoutError("QueuePool limit of size 1 overflow 4 reached"))
    assert type(found) is Unavailable
    assert found.retry_after_seconds == 1


@pytest.mark.parametrize("problem", [from_postgresql("57014"), from_postgresql("40001"), from_sqlite("SQLITE_FULL")])
def test_a_client_is_never_told_the_drivers_text(problem: DBAPIError) -> None:
    found = meaning(problem)
    assert isinstance(found, Unavailable)
    assert found.retry_after_seconds
    assert "driver text" not in found.detail
    assert "SELECT" not in found.detail


def test_a_constraint_of_sqlite_is_known_by_its_columns() -> None:
    insert = "INSERT INTO users VALUES ('a')"
    violated = meaning(raised("CREATE TABLE users (email UNIQUE)", insert, insert))
    assert isinstance(violated, ConstraintViolated)
    assert violated.is_of("uq_users_email", "users.email")
    assert not violated.is_of("uq_users_id", "users.id")
