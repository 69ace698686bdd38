"""The audit log: a row before the money moves, one outcome, and user, action, address and device on each row."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import quote

import pytest
from flask import Flask
from sqlalchemy import Connection, Engine, create_engine, event, text

from bankapp import clock, ids
from bankapp.extensions import db
from tests.support.factories import PASSWORD, PERSON, Bank, Caller, ok, refused

REQUEST_ID: Final = "watched-request"
DEVICE: Final = {"X-Device-Id": "phone-4711"}
_numbers = itertools.count(1)


@pytest.fixture
def outside(fresh_app: Flask) -> Iterator[Engine]:
    """A database connection beside those of the application."""
    engine = create_engine(fresh_app.config["SQLALCHEMY_DATABASE_URI"])
    yield engine
    engine.dispose()


@pytest.fixture
def engine(fresh_app: Flask) -> Engine:
    with fresh_app.app_context():
        return db.engine


def committed_state(outside: Engine) -> tuple[list[str], int]:
    """Return what another connection sees: the statuses of the request's audit rows, and the number of postings."""
    with outside.connect() as connection:
        statuses = connection.scalars(text("SELECT status FROM audit_logs WHERE request_id = :id"), {"id": REQUEST_ID})
        return list(statuses), connection.execute(text("SELECT count(*) FROM postings")).scalar_one()


def test_pending_is_durable_before_the_money_moves_and_success_comes_with_it(
    fresh_bank: Bank, outside: Engine, engine: Engine
) -> None:
    ada, bob = fresh_bank.customer(), fresh_bank.customer()
    source, target = ada.account(balance=5), bob.account()
    states: list[tuple[str, list[str], int]] = []

    def statement(_connection: Connection, _cursor: Any, sql: str, *_: Any) -> None:
        if "INSERT INTO transactions" in sql:
            states.append(("money", *committed_state(outside)))

    def commit(_connection: Connection) -> None:
        states.append(("commit", *committed_state(outside)))

    event.listen(engine, "before_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    ada.headers["X-Request-Id"] = REQUEST_ID
    ok(ada.transfer(source, target, 5, key="k"), 201)
    money = ("money", ["pending"], 1)
    # On PostgreSQL the pending row and the money are one statement each, which commits by itself.
    assert states in ([money], [("commit", [], 1), money, ("commit", ["pending"], 1)])
    assert committed_state(outside) == (["success"], 2)


def test_a_refusal_moves_nothing_and_leaves_its_code(fresh_bank: Bank, outside: Engine) -> None:
    ada = fresh_bank.customer()
    source, target = ada.account(balance=5), ada.account()
    ada.headers["X-Request-Id"] = REQUEST_ID
    refused(ada.transfer(source, target, 6), 422, "insufficient_funds")
    assert committed_state(outside) == (["failure"], 1)
    row = ok(ada.get("/audit-logs?limit=1"))["items"][0]
    expected = {"from_account_id": source["id"], "amount": 6, "currency": "EUR", "code": "insufficient_funds"}
    assert expected.items() <= row["metadata"].items()


def test_an_unexpected_error_moves_nothing_and_is_recorded_as_a_failure(
    fresh_bank: Bank, outside: Engine, engine: Engine
) -> None:
    ada = fresh_bank.customer()
    account = ada.account(balance=5)

    def breaks(_connection: Connection, _cursor: Any, sql: str, *_: Any) -> None:
        if "INSERT INTO postings" in sql:
            raise RuntimeError("the power is gone")

    event.listen(engine, "before_cursor_execute", breaks)
    answer = ada.move(account, 5, "deposit", key="k", headers={"X-Request-Id": REQUEST_ID})
    refused(answer, 500, "internal_error")
    assert committed_state(outside) == (["failure"], 1)
    event.remove(engine, "before_cursor_execute", breaks)
    assert ada.balance(account) == 5
    # A 500 is not remembered, so the same key works after the cause is removed.
    assert ok(ada.move(account, 5, "deposit", key="k"), 201)["balance_after"] == 10


class Watched:
    """A caller whose requests have a request id each, by which their audit rows are found."""

    def __init__(self, bank: Bank, caller: Caller) -> None:
        self.admin, self.caller = bank.employee("admin"), caller

    def rows(self, method: str, path: str, status: int, body: Any = None, **headers: str) -> list[dict[str, Any]]:
        request_id = f"request-{next(_numbers)}-of-the-table"
        extra = {"json": body} if body is not None else {}
        answer = self.caller.request(method, path, headers={"X-Request-Id": request_id} | headers, **extra)
        assert answer.status_code == status, answer.get_data(as_text=True)
        self.answer = answer.get_json() if answer.data else None
        found = [row for row in ok(self.admin.get("/audit-logs?limit=50"))["items"] if row["request_id"] == request_id]
        for row in found:
            assert (row["ip_address"], row["device_id"]) == ("127.0.0.1", "phone-4711"), row
        return found

    def one(self, *args: Any, **headers: str) -> tuple[str, str, str]:
        [row] = self.rows(*args, **headers)
        assert row["user_id"] == self.caller.user_id
        return row["event_type"], row["resource_type"], row["status"]


def test_every_sensitive_action_of_a_customer_is_audited(bank: Bank) -> None:
    ada = bank.customer(holder=False, **DEVICE)
    watched = Watched(bank, ada)
    one = watched.one
    assert one("POST", "/account-holders", 201, PERSON) == ("account_holder_create", "account_holder", "success")
    holder = watched.answer["id"]
    assert one("POST", "/account-holders", 409, PERSON) == ("account_holder_create", "account_holder", "failure")
    change = ("PATCH", f"/account-holders/{holder}")
    star, old = {"If-Match": "*"}, {"If-Match": '"9"'}
    assert one(*change, 200, {"last_name": "King"}, **star) == ("account_holder_change", "account_holder", "success")
    assert one(*change, 412, {"last_name": "King"}, **old) == ("account_holder_change", "account_holder", "failure")
    new = {"type": "checking", "currency": "EUR"}
    assert one("POST", "/accounts", 201, new) == ("account_open", "account", "success")
    account = watched.answer
    money = {"account_id": account["id"], "amount": 5, "currency": "EUR"}
    assert one("POST", "/transactions", 201, money | {"type": "deposit"}) == ("deposit", "transaction", "success")
    order = {"from_account_id": account["id"], "to_account_id": ids.new(), "amount": 5, "currency": "EUR"}
    assert one("POST", "/transfers", 404, order) == ("transfer", "transfer", "failure")
    assert one("POST", "/transactions", 201, money | {"type": "withdrawal"}) == ("withdrawal", "transaction", "success")
    assert one("POST", "/transactions", 422, money | {"type": "withdrawal"}) == ("withdrawal", "transaction", "failure")
    card = {"account_id": account["id"], "type": "virtual"}
    assert one("POST", "/cards", 201, card) == ("card_issue", "card", "success")
    path = f"/cards/{watched.answer['id']}"
    for verb in ("block", "unblock", "terminate"):
        assert one("POST", f"{path}/{verb}", 200) == ("card_change", "card", "success")
    assert one("POST", f"{path}/block", 409) == ("card_change", "card", "failure")
    assert one("POST", f"/accounts/{account['id']}/close", 200) == ("account_change", "account", "success")
    assert one("POST", f"/accounts/{account['id']}/close", 409) == ("account_change", "account", "failure")


def test_every_sensitive_action_on_sessions_is_audited(bank: Bank) -> None:
    ada = bank.customer(**DEVICE)
    watched = Watched(bank, ada)
    one = watched.one
    login = {"email": ada.email, "password": PASSWORD}
    assert one("POST", "/auth/login", 200, login) == ("login", "session", "success")
    refresh = {"refresh_token": watched.answer["refresh_token"]}
    assert one("POST", "/auth/login", 401, login | {"password": "wrong"})[::2] == ("login", "failure")
    assert one("POST", "/auth/refresh", 200, refresh) == ("token_refresh", "session", "success")
    assert one("POST", "/auth/refresh", 401, refresh) == ("token_reuse", "session", "failure")
    change = {"current_password": PASSWORD, "new_password": "amber-heron-dances-42"}
    assert one("POST", "/auth/password", 204, change)[::2] == ("password_change", "success")
    assert one("POST", "/auth/password", 401, change)[::2] == ("password_change", "failure")
    other = bank.signed_in(ada.email, change["new_password"])
    session = ok(other.get("/auth/sessions?limit=1"))["items"][0]["id"]
    assert one("DELETE", f"/auth/sessions/{session}", 204) == ("session_revoke", "session", "success")
    assert one("POST", "/auth/logout", 204) == ("logout", "session", "success")
    ada.tokens = ok(ada.post("/auth/login", login | {"password": change["new_password"]}))
    assert one("DELETE", "/auth/sessions", 204)[::2] == ("session_revoke", "success")


def test_audit_rows_of_staff_name_the_customer(bank: Bank) -> None:
    ada, staff = bank.customer(), bank.employee()
    source, target = ada.account(balance=5), ada.account()
    transfer = ok(ada.transfer(source, target, 5), 201)
    card = ok(ada.post("/cards", {"account_id": source["id"], "type": "virtual"}), 201)
    transaction = ok(ada.get("/transactions?limit=1"))["items"][0]
    holder = ok(ada.get("/account-holders/me"))
    for path, resource, resource_id in (
        (f"/accounts/{source['id']}", "account", source["id"]),
        (f"/accounts/{source['id']}/balance", "account", source["id"]),
        (f"/statements/{source['id']}", "account", source["id"]),
        (f"/transactions?account_id={source['id']}", "account", source["id"]),
        (f"/transfers/{transfer['id']}", "transfer", transfer["id"]),
        (f"/transactions/{transaction['id']}", "transaction", transaction["id"]),
        (f"/cards/{card['id']}", "card", card["id"]),
        (f"/account-holders/{holder['id']}", "account_holder", holder["id"]),
    ):
        ok(staff.get(path))
        row = ok(staff.get("/audit-logs?limit=1"))["items"][0]
        assert (row["event_type"], row["resource_type"], row["resource_id"]) == ("staff_access", resource, resource_id)
        assert (row["status"], row["user_id"]) == ("success", staff.user_id)
        assert row["metadata"] == {"customer_id": ada.user_id}
    for path, resource in (("/accounts", "account"), ("/transfers", "transfer"), ("/cards", "card")):
        ok(staff.get(f"{path}?limit=1"))
        row = ok(staff.get("/audit-logs?limit=1"))["items"][0]
        assert (row["event_type"], row["resource_type"], row["resource_id"]) == ("staff_access", resource, None)
    ok(staff.get(f"/account-holders?email={quote(ada.email)}"))
    assert ok(staff.get("/audit-logs?limit=1"))["items"][0]["metadata"] == {"filters": {"email": ada.email}}
    for verb in ("freeze", "unfreeze"):
        ok(staff.post(f"/accounts/{source['id']}/{verb}"))
        rows = ok(staff.get("/audit-logs?limit=2"))["items"]
        assert {row["event_type"] for row in rows} == {"account_change", "staff_access"}
        assert {"customer_id": ada.user_id} in [row["metadata"] for row in rows]


def test_users_see_their_own_rows_and_an_admin_sees_all(bank: Bank) -> None:
    ada, bob, admin = bank.customer(), bank.customer(), bank.employee("admin")
    for caller in (ada, bob):
        caller.account()
    for caller in (ada, bank.employee()):
        rows = ok(caller.get("/audit-logs?limit=100"))["items"]
        assert {row["user_id"] for row in rows} == {caller.user_id}
        refused(caller.get(f"/audit-logs?user_id={bob.user_id}"), 403, "forbidden")
        assert ok(caller.get(f"/audit-logs?limit=100&user_id={caller.user_id}"))["items"] == rows
    assert {ada.user_id, bob.user_id} <= {row["user_id"] for row in ok(admin.get("/audit-logs?limit=100"))["items"]}
    [row] = ok(admin.get(f"/audit-logs?user_id={bob.user_id}&event_type=account_open"))["items"]
    assert (row["user_id"], row["event_type"]) == (bob.user_id, "account_open")
    assert ok(ada.get("/audit-logs?event_type=no_such_event"))["items"] == []


def test_a_refused_sign_up_and_an_unknown_refresh_token_leave_a_row(bank: Bank) -> None:
    admin, ada = bank.employee("admin"), bank.customer()
    start = ids.new()
    headers = {"X-Request-Id": start}
    body = {"email": ada.email, "password": PASSWORD}
    refused(bank.anonymous().post("/auth/signup", body, headers=headers), 409, "email_taken")
    token = {"refresh_token": "nobody-was-ever-given-this-one"}
    refused(bank.anonymous().post("/auth/refresh", token, headers=headers), 401, "refresh_token_invalid")
    # Other tests leave rows with future times.
    newest = f"/audit-logs?limit=20&to={clock.to_text(clock.now())}"
    rows = [row for row in ok(admin.get(newest))["items"] if row["request_id"] == start]
    assert [(row["event_type"], row["status"], row["user_id"], row["metadata"]["code"]) for row in rows] == [
        ("token_refresh", "failure", None, "refresh_token_invalid"),
        ("signup", "failure", None, "email_taken"),
    ]
