"""A database without room: 503 with Retry-After, one line in the log, and recovery without a restart."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import event

from bankapp.extensions import db as extension
from tests.support.books import faults
from tests.support.factories import Bank, Caller, ok, refused

# Disk full, out of memory, configuration limit, I/O error, and what an administrator does to a session.
STATES = ["53100", "53200", "53400", "58030", "57000"]


def refuses_until_there_is_room(
    ada: Caller, source: Any, target: Any, free: Callable[[], object], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    reply = ada.transfer(source, target, 60, key="rent")
    refused(reply, 503, "unavailable")
    assert int(reply.headers["Retry-After"]) >= 1
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    about_it = [line for line in lines if line["level"] in ("warning", "error") and "exc_info" not in line]
    assert len(about_it) >= 1
    assert not [line for line in lines if line["level"] == "error"]
    free()
    ok(ada.transfer(source, target, 60, key="rent"), 201)
    assert (ada.balance(source), ada.balance(target)) == (40, 60)


@pytest.mark.parametrize("state", STATES)
def test_postgresql_without_resources(
    bank_on: Callable[..., Bank],
    postgres_url: str,
    admin: psycopg.Connection[Any],
    state: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bank = bank_on(postgres_url)
    ada = bank.customer()
    source, target = ada.account(balance=100), ada.account()
    admin.execute(
        "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '{state}'; END $$"
    )
    admin.execute("CREATE TRIGGER full_disk BEFORE INSERT ON transfers EXECUTE FUNCTION full_disk()")
    refuses_until_there_is_room(
        ada, source, target, lambda: admin.execute("DROP TRIGGER full_disk ON transfers"), capsys
    )
    assert faults(bank.app) == []


def test_sqlite_on_a_full_disk(
    bank_on: Callable[..., Bank], sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = bank_on(sqlite_url)
    ada = bank.customer()
    source, target = ada.account(balance=100), ada.account()
    limit = [1]

    def configure(connection: Any, *_: Any) -> None:
        # The file may not grow beyond the pages that it has: the next one is a full disk.
        connection.execute(f"PRAGMA max_page_count = {limit[0]}").close()

    with bank.app.app_context():
        engine = extension.engine
        event.listen(engine, "checkout", configure)

        def free() -> None:
            limit[0] = 1_000_000

        # Fill the free pages that the file has.
        full = False
        for number in range(200):
            reply = ada.post("/accounts", {"type": "savings", "currency": "EUR"}, key=f"{number}" * 50)
            full = reply.status_code == 503
            if full:
                refused(reply, 503, "unavailable")
                break
            ok(reply, 201)
        assert full
    free()
    ok(ada.transfer(source, target, 60, key="rent"), 201)
    assert faults(bank.app) == []
