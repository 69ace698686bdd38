"""Revocation: every worker refuses the next request with a revoked token."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import event

from bankapp.extensions import db
from bankapp.services.identity import users
from tests.support.factories import PASSWORD, Bank, Caller, ok, refused, unique_email

NEW_PASSWORD = "copper-walrus-naps-42"


@pytest.fixture
def caller(bank: Bank) -> Caller:
    return bank.customer(holder=False)


def sessions_of(caller: Caller) -> list[dict[str, object]]:
    return list(ok(caller.get("/auth/sessions"))["items"])


def assert_revoked(caller: Caller) -> None:
    refused(caller.get("/auth/me"), 401, "token_revoked")
    body = {"refresh_token": caller.tokens["refresh_token"]}
    refused(Caller(caller.client).post("/auth/refresh", body), 401, "refresh_token_invalid")


def test_logout_ends_only_this_session(bank: Bank, caller: Caller) -> None:
    other = bank.signed_in(caller.email)
    ok(caller.post("/auth/logout"), 204)
    assert_revoked(caller)
    ok(other.get("/auth/me"))


def test_another_worker_refuses_the_token_at_once(bank_with: Callable[..., Bank], caller: Caller) -> None:
    elsewhere = Caller(bank_with().app.test_client(), tokens=caller.tokens)
    ok(elsewhere.get("/auth/me"))
    ok(caller.post("/auth/logout"), 204)
    assert_revoked(elsewhere)


def test_a_session_is_ended_from_another(bank: Bank, caller: Caller) -> None:
    other = bank.signed_in(caller.email, **{"X-Device-Id": "lost phone"})
    [lost] = [session for session in sessions_of(caller) if session["device_id"] == "lost phone"]
    assert lost["current"] is False
    ok(caller.delete(f"/auth/sessions/{lost['id']}"), 204)
    assert_revoked(other)
    ok(caller.delete(f"/auth/sessions/{lost['id']}"), 404)
    assert [session["current"] for session in sessions_of(caller)] == [True]


def test_all_sessions_end_together(bank: Bank, caller: Caller) -> None:
    other = bank.signed_in(caller.email)
    ok(caller.delete("/auth/sessions"), 204)
    assert_revoked(caller)
    assert_revoked(other)


def test_a_new_password_ends_every_other_session(bank: Bank, caller: Caller) -> None:
    other, third = bank.signed_in(caller.email), bank.signed_in(caller.email)
    ok(caller.post("/auth/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}), 204)
    ok(caller.get("/auth/me"))
    assert_revoked(other)
    assert_revoked(third)
    refused(caller.post("/auth/login", {"email": caller.email, "password": PASSWORD}), 401, "invalid_credentials")
    bank.signed_in(caller.email, NEW_PASSWORD)


def test_a_password_is_changed_with_the_old_one_only(bank: Bank, caller: Caller) -> None:
    other = bank.signed_in(caller.email)
    body = {"current_password": "wrong", "new_password": NEW_PASSWORD}
    refused(caller.post("/auth/password", body), 401, "invalid_credentials")
    weak = {"current_password": PASSWORD, "new_password": "password1234"}
    assert list(refused(caller.post("/auth/password", weak), 422, "validation_error")["errors"]) == ["new_password"]
    ok(other.get("/auth/me"))


def test_a_disabled_user_must_be_enabled_and_sign_in_again(bank: Bank, caller: Caller) -> None:
    with bank.app.app_context():
        users.disable(caller.email, operator="test")
    assert_revoked(caller)
    body = {"email": caller.email, "password": PASSWORD}
    refused(caller.post("/auth/login", body), 401, "invalid_credentials")
    with bank.app.app_context():
        users.enable(caller.email, operator="test")
    assert_revoked(caller)
    bank.signed_in(caller.email)


def test_a_revoked_role_has_no_power_at_once(bank: Bank) -> None:
    staff = bank.employee("staff")
    customer = bank.customer()
    account = customer.account()
    ok(staff.get(f"/accounts/{account['id']}"))
    with bank.app.app_context():
        users.set_role(staff.email, "customer", operator="test")
    assert_revoked(staff)
    ok(bank.signed_in(staff.email).get(f"/accounts/{account['id']}"), 404)


def test_one_query_decides_whether_a_token_counts(bank: Bank, caller: Caller) -> None:
    statements: list[str] = []
    with bank.app.app_context():
        engine = db.engine

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        ok(caller.get("/currencies?limit=1"))
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert len(statements) == 1, statements


def test_each_way_to_end_a_session_is_audited(bank: Bank, caller: Caller) -> None:
    other = bank.signed_in(caller.email)
    ok(other.post("/auth/logout"), 204)
    ok(caller.post("/auth/password", {"current_password": PASSWORD, "new_password": NEW_PASSWORD}), 204)
    rows = ok(caller.get("/audit-logs"))["items"]
    assert [row["event_type"] for row in rows] == ["password_change", "logout", "login", "login", "signup"]
    assert all(row["status"] == "success" and row["ip_address"] == "127.0.0.1" for row in rows)


def test_failed_sign_ins_are_audited_and_name_no_unknown_address(bank: Bank, caller: Caller) -> None:
    refused(caller.post("/auth/login", {"email": caller.email, "password": "wrong"}), 401, "invalid_credentials")
    failure = ok(caller.get("/audit-logs?event_type=login"))["items"][0]
    assert (failure["status"], failure["metadata"]) == ("failure", {"code": "invalid_credentials"})
    unknown = unique_email()
    answer = caller.post("/auth/login", {"email": unknown, "password": "wrong"}, headers={"X-Request-Id": "r" * 20})
    refused(answer, 401, "invalid_credentials")
    rows = ok(bank.employee("admin").get("/audit-logs?event_type=login&limit=100"))["items"]
    [row] = [row for row in rows if row["request_id"] == "r" * 20]
    assert row["user_id"] is None
    assert unknown not in str(row)
