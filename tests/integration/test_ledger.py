"""ledger.post: the number of statements is the same for one posting and for a thousand."""

from __future__ import annotations

from typing import Any

from flask import Flask

from bankapp import db
from bankapp.services import ledger
from tests.support.books import faults
from tests.support.factories import Bank
from tests.support.statements import statements

Json = dict[str, Any]


def post(app: Flask, accounts: list[Json], count: int) -> list[str]:
    """Post ``count`` movements in one transaction, deposits and transfers in turn; return the statements."""
    identifiers = [account["id"] for account in accounts]

    def run() -> None:
        locked = ledger.lock(ledger.names(identifiers))
        hands = [locked[identifier] for identifier in identifiers]
        postings = [
            ledger.transfer(hands[at % 5], hands[(at + 1) % 5], 1, "EUR", None)
            if at % 2
            else ledger.movement("deposit", hands[at % 5], 2, "EUR", None)
            for at in range(1, count + 1)
        ]
        outcomes = ledger.post(postings)
        assert all(isinstance(outcome, ledger.Posted) for outcome in outcomes)

    with app.app_context(), statements(app) as executed:
        db.run(run)
    return [statement.split(" (")[0].split("\n")[0] for statement in executed if not statement.startswith("BEGIN")]


def test_the_number_of_statements_does_not_grow_with_the_list(fresh_bank: Bank, dialect: str) -> None:
    ada = fresh_bank.customer()
    accounts = [ada.account(balance=1_000) for _ in range(5)]
    made = {count: post(fresh_bank.app, accounts, count) for count in (1, 10, 1_000)}
    # One statement locks. SQLite writes with one statement for each table, PostgreSQL with one for all tables.
    tables = ("transfers", "transactions", "postings")
    inserts = [["INSERT", "INTO", table] for table in tables] if dialect == "sqlite" else [["WITH", "step_0", "AS"]]
    assert [statement.split()[:3] for statement in made[1]] == [
        ["SELECT", "accounts.id,", "accounts.number,"],
        *inserts,
    ]
    assert made[1] == made[10] == made[1_000]
    assert faults(fresh_bank.app, ignored_rule="audit") == []
