"""A serialization failure, a deadlock or a busy file at any statement of a transfer: repeated, or 503 in the end."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
from flask import Flask

from bankapp.extensions import db
from tests.support import failpoints
from tests.support.books import faults
from tests.support.factories import Bank, ok, refused


def busy() -> Exception:
    problem = sqlite3.OperationalError("database is locked")
    problem.sqlite_errorname = "SQLITE_BUSY"
    return problem


CONFLICTS = [
    pytest.param("postgres_url", psycopg.errors.SerializationFailure, id="40001"),
    pytest.param("postgres_url", psycopg.errors.DeadlockDetected, id="40P01"),
    pytest.param("sqlite_url", busy, id="SQLITE_BUSY"),
]
STATEMENTS = {
    "postgres_url": [
        "INSERT idempotency_keys, INSERT audit_logs",
        "UPDATE audit_logs, UPDATE idempotency_keys, INSERT transfers, INSERT transactions, INSERT postings",
    ],
    "sqlite_url": [
        *("SELECT auth_tokens", "BEGIN", "INSERT idempotency_keys", "INSERT audit_logs", "COMMIT"),
        *("BEGIN", "SELECT accounts", "INSERT transfers", "INSERT transactions", "INSERT postings"),
        *("UPDATE audit_logs", "UPDATE idempotency_keys", "COMMIT"),
    ],
}


@pytest.fixture
def bank(bank_on: Callable[..., Bank], request: pytest.FixtureRequest, url: str) -> Bank:
    return bank_on(request.getfixturevalue(url))


@contextmanager
def raising(app: Flask, problem: Callable[[], Exception], is_meant: Callable[[str], bool]) -> Iterator[list[str]]:
    """Raise at the points that are meant, before a statement or a COMMIT takes effect; collect their names."""
    raised: list[str] = []

    def reach(point: str) -> None:
        when, _, statement = point.partition(" ")
        if when == "before" and is_meant(statement):
            raised.append(statement)
            raise problem()

    with app.app_context():
        end = failpoints.listen(db.engine, reach)
    try:
        yield raised
    finally:
        end()


@pytest.mark.parametrize(("url", "problem"), CONFLICTS)
def test_a_conflict_at_any_statement_is_repeated(bank: Bank, url: str, problem: Callable[[], Exception]) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=10_000), bob.account()
    reached = []
    for number in itertools.count(1):
        numbers = itertools.count(1)
        with raising(bank.app, problem, lambda _, numbers=numbers, number=number: next(numbers) == number) as raised:
            ok(ada.transfer(source, target, 10, key=f"rent-{number}"), 201)
        assert (ada.balance(source), bob.balance(target)) == (10_000 - 10 * number, 10 * number)
        if not raised:
            break
        reached += raised
    assert reached == STATEMENTS[url]
    assert faults(bank.app) == []


@pytest.mark.parametrize(("url", "problem"), CONFLICTS)
def test_an_endless_conflict_at_any_statement_is_503(bank: Bank, url: str, problem: Callable[[], Exception]) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=10_000), bob.account()
    for number, statement in enumerate(dict.fromkeys(STATEMENTS[url]), 1):
        with raising(bank.app, problem, lambda name, statement=statement: name == statement) as raised:
            reply = ada.transfer(source, target, 10, key=f"rent-{number}")
            refused(reply, 503, "unavailable")
            assert int(reply.headers["Retry-After"]) >= 1
        assert raised
        assert bob.balance(target) == 10 * (number - 1), statement
        again = ada.transfer(source, target, 10, key=f"rent-{number}")
        if again.status_code == 409:
            # The failure could not be recorded, so the key stays in flight until its lease ends.
            refused(again, 409, "idempotency_in_flight")
            again = ada.transfer(source, target, 10, key=f"another-{number}")
        ok(again, 201)
        assert (ada.balance(source), bob.balance(target)) == (10_000 - 10 * number, 10 * number)
    assert faults(bank.app) == []
