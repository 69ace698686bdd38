"""Prepared statements go to the driver, yet fail and send events to listeners like SQLAlchemy's own."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import event

from bankapp import db
from bankapp.db import connection
from bankapp.errors import Unavailable
from bankapp.extensions import db as extension
from bankapp.models import AccountRecord
from bankapp.repositories import accounts
from tests.support.factories import Bank, ok, refused
from tests.support.statements import statements


def test_a_failover_fails_one_request_and_replaces_all_connections(
    bank_on: Callable[..., Bank], postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    bank = bank_on(postgres_url, threads=4)
    ada = bank.customer()
    account = ada.account(balance=100)
    with bank.app.app_context(), contextlib.ExitStack() as stack:
        for _ in range(4):
            stack.enter_context(extension.engine.connect())
    ended = admin.execute(
        "SELECT count(pg_terminate_backend(pid, 2000)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    ).fetchone()
    assert ended
    assert ended[0] >= 4
    refused(ada.get(f"/accounts/{account['id']}"), 503, "unavailable")
    assert [ada.balance(account) for _ in range(6)] == [100] * 6


def test_a_connection_to_a_former_primary_fails_one_request(
    bank_on: Callable[..., Bank], postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    bank = bank_on(postgres_url)
    ada = bank.customer()
    account = ada.account()
    with bank.app.app_context():
        extension.engine.dispose()
    name = sql.Identifier(urlsplit(postgres_url).path.strip("/"))
    admin.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
    refused(ada.move(account, 10, "deposit"), 503, "unavailable")
    # The next connection leads to the new primary.
    admin.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
    ok(ada.move(account, 10, "deposit"), 201)


def test_a_silent_server_is_noticed_within_half_a_minute(bank_on: Callable[..., Bank], postgres_url: str) -> None:
    with bank_on(postgres_url).app.app_context(), extension.engine.connect() as pooled:
        descriptor = pooled.connection.driver_connection.fileno()  # type: ignore[union-attr]  # it has one
        with socket.socket(fileno=os.dup(descriptor)) as link:
            assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            names = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT, socket.TCP_USER_TIMEOUT)
            idle, interval, count, unanswered_ms = (link.getsockopt(socket.IPPROTO_TCP, name) for name in names)
    assert idle + interval * count < 30
    assert unanswered_ms < 30_000


def test_a_closed_connection_answers_unavailable(bank_on: Callable[..., Bank], postgres_url: str) -> None:
    bank = bank_on(postgres_url)
    account = bank.customer().account()

    def read_account() -> AccountRecord | None:
        connection.current().pooled().connection.driver_connection.close()  # type: ignore[union-attr]  # it has one
        return accounts.get(account["id"])

    with bank.app.app_context():
        with pytest.raises(Unavailable):
            db.run(read_account)
        assert accounts.get(account["id"])


@pytest.mark.parametrize("url", ["postgres_url", "sqlite_url"])
def test_a_tracer_keeps_state_between_the_two_events_of_a_statement(
    bank_on: Callable[..., Bank], request: pytest.FixtureRequest, url: str
) -> None:
    bank = bank_on(request.getfixturevalue(url))
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    spans: list[str] = []

    def begin(_connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        context.span = statement

    def end(_connection: Any, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        assert context.span == statement
        spans.append(statement)

    with bank.app.app_context():
        engine = extension.engine
    event.listen(engine, "before_cursor_execute", begin)
    event.listen(engine, "after_cursor_execute", end)
    ok(ada.transfer(source, target, 60, key="rent"), 201)
    assert any("INSERT INTO transactions" in statement for statement in spans)


def test_a_statement_that_times_out_is_not_repeated(
    bank_on: Callable[..., Bank], postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    bank = bank_on(postgres_url)
    ada = bank.customer()
    source, target = ada.account(balance=100), ada.account()
    requests: list[Callable[[], Any]] = [
        lambda: ada.get(f"/accounts/{source['id']}"),
        lambda: ada.get("/currencies"),
        lambda: ada.transfer(source, target, 60, key="rent"),
    ]
    for request in requests:
        with admin.transaction(), statements(bank.app) as executed:
            admin.execute("LOCK TABLE auth_tokens IN ACCESS EXCLUSIVE MODE")
            refused(request(), 503, "unavailable")
        assert len(executed) == 1
    assert ada.balances(source) == (100, 100)


def test_a_request_takes_one_connection_once_and_returns_it(bank_on: Callable[..., Bank], postgres_url: str) -> None:
    bank = bank_on(postgres_url, threads=1)
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=1_000), bob.account()
    events: list[str] = []
    with bank.app.app_context():
        engine = extension.engine
    event.listen(engine, "checkout", lambda *_: events.append("out"))
    event.listen(engine, "checkin", lambda *_: events.append("in"))
    once = ["out", "in"]
    ok(ada.transfer(source, target, 1, key="rent"), 201)
    assert events == once
    refused(ada.transfer(source, target, 5_000), 422, "insufficient_funds")
    ok(ada.get(f"/transfers?account_id={source['id']}"))
    refused(ada.get("/accounts/none"), 404, "not_found")
    ok(ada.get("/currencies"))
    assert events[:8] == once * 4
    assert events.count("out") == events.count("in")


def test_a_request_needs_one_connection_at_a_time(bank_on: Callable[..., Bank], postgres_url: str) -> None:
    bank = bank_on(postgres_url, threads=1)
    ada, bob, staff = bank.customer(), bank.customer(), bank.employee("admin")
    source, target = ada.account(balance=1_000), bob.account()
    card = ada.card(source)
    moved = {"from_account_id": source["id"], "to_account_number": target["number"], "amount": 1, "currency": "EUR"}
    made = ok(ada.post("/transfers", moved), 201)
    hold = ada.hold(card, 5)
    connects: list[str] = []
    with bank.app.app_context():
        event.listen(extension.engine, "connect", lambda *_: connects.append(request[0]))
    requests: list[tuple[str, Callable[[], Any]]] = [
        ("transfer by number", lambda: ada.post("/transfers", moved, key="rent")),
        ("transfer by number again", lambda: ada.post("/transfers", moved, key="rent")),
        ("transfer", lambda: bob.get(f"/transfers/{made['id']}")),
        ("transfers", lambda: ada.get(f"/transfers?account_id={source['id']}")),
        ("transactions", lambda: ada.get(f"/transactions?account_id={source['id']}")),
        ("deposit", lambda: ada.move(source, 5, "deposit", key="wage")),
        ("batch", lambda: ada.post("/transfers/batch", {"transfers": [moved]}, key="wages")),
        ("statement", lambda: ada.get(f"/statements/{source['id']}?from=2026-01-01&to=2026-01-31")),
        ("cards", lambda: ada.get(f"/cards?account_id={source['id']}")),
        ("card", lambda: ada.get(f"/cards/{card['id']}")),
        ("capture", lambda: ada.post(f"/authorizations/{hold['id']}/capture", {}, key="capture")),
        ("authorizations", lambda: ada.get(f"/authorizations?card_id={card['id']}")),
        ("account", lambda: staff.get(f"/accounts/{source['id']}")),
        ("freeze", lambda: staff.post(f"/accounts/{target['id']}/freeze")),
        ("reversal", lambda: staff.post(f"/transfers/{made['id']}/reversal")),
        ("audit log", lambda: staff.get(f"/audit-logs?user_id={ada.user_id}")),
        ("account holders", lambda: staff.get(f"/account-holders?email={ada.email}")),
        ("account holder", lambda: ada.get("/account-holders/me")),
        ("sessions", lambda: ada.get("/auth/sessions")),
        ("refresh", lambda: ada.post("/auth/refresh", {"refresh_token": ada.tokens["refresh_token"]})),
        ("login", lambda: bank.signed_in(ada.email)),
        ("signup", bank.customer),
    ]
    for request in requests:
        answer = request[1]()
        assert getattr(answer, "status_code", 200) < 300, (request[0], answer.get_data(as_text=True))
    assert connects == []


def test_a_connection_lost_during_a_request_is_replaced(
    bank_on: Callable[..., Bank], postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    bank = bank_on(postgres_url, threads=1)
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    others = "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE application_name = 'bankapp'"
    cut: list[str] = []

    def end(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if "INTO transfers" in sql and not cut:
            cut.append(sql)
            admin.execute(others)

    with bank.app.app_context():
        engine = extension.engine
    event.listen(engine, "before_cursor_execute", end)
    refused(ada.transfer(source, target, 60, key="rent"), 503, "unavailable")
    # The same request recorded the failure on a new connection.
    assert [row["status"] for row in ok(ada.get("/audit-logs?event_type=transfer"))["items"]] == ["failure"]
    ok(ada.transfer(source, target, 60, key="rent"), 201)
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
