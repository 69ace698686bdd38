"""``flask seed``: realistic demo data, the same for the same random seed, stored once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import text

from bankapp.cli.seed import LONG_STEPS
from bankapp.extensions import db
from bankapp.services import seed_story
from bankapp.services.seeding import PASSWORD
from tests.support.databases import SECRET, application, settings
from tests.support.factories import Bank, ok

UNTIL = "2026-03-15"
# The audit rows of the seed, without the rows of the tests' sign-ins.
TOLD = "(SELECT * FROM audit_logs WHERE device_id = 'flask seed') AS told"
SMALL = ("--customers", "3", "--months", "2", "--until", UNTIL)


def seed(app: Flask, *arguments: str) -> Result:
    return app.test_cli_runner().invoke(args=["seed", *arguments])


def rows(app: Flask, query: str) -> list[tuple[Any, ...]]:
    with app.app_context():
        return [tuple(row) for row in db.session.execute(text(query))]


@pytest.fixture(scope="module")
def seeded(new_database: Callable[[], str]) -> Iterator[Flask]:
    with application(settings(new_database())) as app:
        result = seed(app, *SMALL)
        assert result.exit_code == 0, result.output
        assert f"ada@example.com  {PASSWORD}" in result.output
        yield app


def test_the_demo_customer_signs_in_and_sees_a_history(seeded: Flask) -> None:
    ada = Bank(seeded).signed_in("ada@example.com", PASSWORD)
    accounts = ok(ada.get("/accounts"))["items"]
    assert {account["currency"] for account in accounts} == {"EUR", "USD", "JPY", "KWD"}
    assert all(account["balance"] > 0 for account in accounts)
    [checking] = [a for a in accounts if (a["currency"], a["type"]) == ("EUR", "checking")]
    statement = ok(ada.get(f"/statements/{checking['id']}?from=2026-01-01&to=2026-03-31"))
    assert {"deposit", "withdrawal", "transfer_out"} <= {entry["type"] for entry in statement["entries"]}
    assert statement["closing_balance"] == checking["balance"]
    assert statement["entries"][0]["created_at"] < "2026-01-17"
    cards = ok(ada.get("/cards"))["items"]
    assert sorted((card["type"], card["status"]) for card in cards) == [
        ("physical", "active"),
        ("virtual", "active"),
        ("virtual", "blocked"),
    ]


def test_the_history_tells_who_paid_whom_and_for_what(seeded: Flask) -> None:
    ada = Bank(seeded).signed_in("ada@example.com", PASSWORD)
    history = ok(ada.get("/transactions?limit=100"))["items"]

    def told(type: str, description: str) -> list[dict[str, Any]]:
        return [one for one in history if (one["type"], one["description"]) == (type, description)]

    salary, rent = told("transfer_in", "Salary")[0], told("transfer_out", "Rent")[0]
    assert (salary["counterparty"]["name"], salary["reference"]) == ("Jürgen Weiß", "SALARY-2026-03")
    assert (rent["counterparty"]["name"], rent["reference"]) == ("Ελένη Παπαδοπούλου", "RENT-2026-03")
    assert rent["annotation"]["category"] == "rent"
    merchants = {one["counterparty"]["name"] for one in history if one["type"] == "card_purchase"}
    assert len(merchants) > 2
    assert merchants <= set(seed_story.ENGLISH.merchants)
    spent = ok(ada.get("/insights/spending?from=2026-01-16&to=2026-03-14&currency=EUR"))["items"]
    assert {one["key"] for one in spent} > {"rent", "groceries", "eating_out"}
    returned, kept = told("transfer_out", "Concert tickets")
    assert returned["annotation"]["notes"] == "By mistake a second time"
    assert [ok(ada.get(f"/transfers/{one['transfer_id']}"))["reversed_by_transfer_id"] for one in (returned, kept)] == [
        told("transfer_in", "Concert tickets")[0]["transfer_id"],
        None,
    ]
    assert {one["name"] for one in ok(ada.get("/payees"))["items"]} == {"Jürgen Weiß", "Ελένη Παπαδοπούλου"}


def test_a_card_payment_of_the_last_day_is_pending(fresh_app: Flask) -> None:
    assert seed(fresh_app, "--customers", "1", "--months", "1").exit_code == 0
    ada = Bank(fresh_app).signed_in("ada@example.com", PASSWORD)
    newest = ok(ada.get("/authorizations"))["items"][0]
    assert (newest["status"], newest["merchant"]) == ("pending", "Corner Grocer")
    [held] = [a for a in ok(ada.get("/accounts"))["items"] if a["available_balance"] < a["balance"]]
    assert (held["currency"], held["type"]) == ("EUR", "checking")


def test_staff_find_people_in_three_scripts_and_a_frozen_account(seeded: Flask) -> None:
    staff = Bank(seeded).signed_in("staff@example.com", PASSWORD)
    holders = ok(staff.get("/account-holders"))["items"]
    assert [holder["last_name"] for holder in holders] == ["Παπαδοπούλου", "Weiß", "Lovelace"]
    frozen = [a for a in ok(staff.get("/accounts?limit=100"))["items"] if a["status"] == "frozen"]
    assert len(frozen) == 1
    assert Bank(seeded).signed_in("admin@example.com", PASSWORD)


def test_every_movement_has_its_audit_row_and_the_books_add_up(seeded: Flask) -> None:
    unaudited = """
        SELECT count(*) FROM postings p WHERE NOT EXISTS (
            SELECT 1 FROM audit_logs a
            LEFT JOIN transactions t ON t.id = a.resource_id
            LEFT JOIN authorizations z ON z.id = a.resource_id
            WHERE a.status = 'success' AND a.created_at = p.created_at
                AND a.event_type = CASE p.kind WHEN 'card_purchase' THEN 'card_capture' ELSE p.kind END
                AND (a.resource_id = p.id OR t.posting_id = p.id OR z.posting_id = p.id))"""
    assert rows(seeded, unaudited) == [(0,)]
    assert rows(seeded, "SELECT count(*) FROM audit_logs WHERE status <> 'success'") == [(0,)]
    sums = "SELECT sum(direction * amount) FROM transactions WHERE account_id = accounts.id"
    assert rows(seeded, f"SELECT count(*) FROM accounts WHERE type <> 'cash' AND balance <> ({sums})") == [(0,)]


def test_no_row_is_later_than_the_last_day(seeded: Flask) -> None:
    for table in ("users", "accounts", "transactions", "transfers", "cards", TOLD):
        [(last,)] = rows(seeded, f"SELECT max(created_at) FROM {table}")
        moment = last if isinstance(last, datetime) else datetime.fromisoformat(last)
        assert moment < datetime.fromisoformat(UNTIL).replace(tzinfo=UTC), table


def test_a_second_run_changes_nothing_and_says_so(seeded: Flask) -> None:
    everything = "SELECT (SELECT count(*) FROM users), (SELECT count(*) FROM audit_logs)"
    before = rows(seeded, everything)
    again = seed(seeded, "--customers", "5")
    assert again.exit_code == 0
    assert "nothing changed" in again.output
    assert PASSWORD in again.output
    assert rows(seeded, everything) == before


def test_the_same_random_seed_makes_the_same_data(seeded: Flask, fresh_app: Flask) -> None:
    assert seed(fresh_app, *SMALL).exit_code == 0
    for table, columns in {
        "users": "id, email, created_at",
        "account_holders": "id, user_id, last_name",
        "accounts": "id, number, balance, status",
        "cards": "id, last4, expires",
        "transactions": "id, account_id, amount, balance_after, created_at",
        TOLD: "id, resource_id, created_at",
    }.items():
        query = f"SELECT {columns} FROM {table} ORDER BY id"
        assert rows(fresh_app, query) == rows(seeded, query), table


def test_another_random_seed_makes_other_data() -> None:
    def tell(number: int) -> seed_story.Story:
        return seed_story.tell(customers=2, months=1, until=date(2026, 3, 1), chance=random.Random(number))

    assert tell(1) == tell(1)
    assert tell(1).steps != tell(2).steps


@pytest.mark.parametrize(("customers", "months"), [(1, 1), (500, 1)])
def test_a_story_of_any_size_opens_accounts_before_they_are_used(customers: int, months: int) -> None:
    story = seed_story.tell(customers=customers, months=months, until=date(2026, 3, 1), chance=random.Random(1))
    joined = opened = 0
    for step in story.steps:
        if isinstance(step, seed_story.Join):
            assert step.person == joined
            joined += 1
        elif isinstance(step, seed_story.Open):
            assert step.person < joined
            opened += 1
        else:
            assert step.account < opened  # type: ignore[attr-defined]  # all others have one
    assert (joined, opened) == (customers, len(story.accounts))
    assert len({person.email for person in story.people}) == customers
    assert customers == 1 or len(story.steps) > LONG_STEPS


def test_the_last_step_is_the_freeze_on_any_day() -> None:
    for until in (date(2026, 1, 1) + timedelta(days=day) for day in range(0, 365, 5)):
        story = seed_story.tell(customers=6, months=6, until=until, chance=random.Random(1))
        assert isinstance(story.steps[-1], seed_story.Freeze), until


def test_production_is_refused_unless_forced_and_then_gets_a_random_password(
    fresh_app: Flask, make_app: Callable[..., Flask]
) -> None:
    config = fresh_app.config["BANKAPP"]
    production = make_app(config.database_url, BANKAPP_ENV="production", JWT_SECRET=SECRET, BCRYPT_ROUNDS="4")
    refusal = seed(production, *SMALL)
    assert (refusal.exit_code, "--force" in refusal.output) == (1, True)
    assert rows(production, "SELECT count(*) FROM users") == [(0,)]
    forced = seed(production, *SMALL, "--force")
    assert forced.exit_code == 0
    assert PASSWORD not in forced.output
    printed = forced.output.split("ada@example.com")[1].split()[0]
    assert Bank(production).signed_in("ada@example.com", printed)
    assert printed not in seed(production, "--force").output


def test_a_database_without_tables_is_named(tmp_path: Any, make_app: Callable[..., Flask]) -> None:
    result = seed(make_app(f"sqlite:///{tmp_path}/empty.sqlite3"))
    assert result.exit_code == 1
    assert "flask db upgrade" in result.output


def test_a_last_day_in_the_future_is_refused(seeded: Flask, fresh_app: Flask) -> None:
    assert seed(fresh_app, "--until", "2999-01-01").exit_code == 2
