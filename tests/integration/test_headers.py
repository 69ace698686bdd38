"""Headers of every request and answer: ids, caching, security."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from bankapp import ids
from bankapp.endpoints import Access, declare
from tests.support.factories import PASSWORD, Bank, ok, refused

SECURITY = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


@pytest.mark.parametrize("request_id", ["a" * 8, "Z9-" * 21 + "z", "5f0c3a1e-9b7d-4c2a"])
def test_a_request_id_is_in_the_header_the_body_and_the_audit_row(bank: Bank, request_id: str) -> None:
    ada = bank.customer()
    account = ada.account()
    headers = {"X-Request-Id": request_id}
    answer = ada.move(account, 5, "withdrawal", headers=headers)
    assert refused(answer, 422, "insufficient_funds")["request_id"] == request_id
    assert answer.headers["X-Request-Id"] == request_id
    assert ada.get("/accounts", headers=headers).headers["X-Request-Id"] == request_id
    row = ok(ada.get("/audit-logs?event_type=withdrawal"))["items"][0]
    assert (row["request_id"], row["status"], row["metadata"]["code"]) == (request_id, "failure", "insufficient_funds")


@pytest.mark.parametrize(
    "request_id", ["", "short", "a" * 65, "with space", "semi;colon", "under_score", "é" * 8, "a" * 8 + "\t"]
)
def test_any_other_request_id_is_replaced(bank: Bank, request_id: str) -> None:
    answer = bank.anonymous().get("/auth/me", headers={"X-Request-Id": request_id})
    replaced = answer.headers["X-Request-Id"]
    assert refused(answer, 401, "token_missing")["request_id"] == replaced
    assert replaced != request_id
    assert ids.is_id(replaced)


def test_every_request_gets_its_own_id(bank: Bank) -> None:
    assert len({bank.anonymous().get("/health/live").headers["X-Request-Id"] for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("device_id", "kept"),
    [
        ("d", True),
        ("Ada's phone (work) ~ #1", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("", False),
        ("tab\tbed", False),
        ("ü", False),
        ("\x7f", False),
    ],
)
def test_a_device_id_is_stored_on_sessions_and_audit_rows(bank: Bank, device_id: str, kept: bool) -> None:
    ada = bank.customer(**{"X-Device-Id": device_id})
    ada.account()
    expected = device_id if kept else None
    assert ok(ada.get("/auth/sessions"))["items"][0]["device_id"] == expected
    rows = ok(ada.get("/audit-logs"))["items"]
    assert {row["event_type"]: row["device_id"] for row in rows}["account_open"] == expected


@pytest.mark.parametrize("path", ["/v1/accounts", "/v1/nothing", "/nothing", "/v1/health", "/v1/auth/me"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "HEAD"])
def test_every_answer_has_the_security_headers_and_is_not_cached(bank: Bank, method: str, path: str) -> None:
    answer = bank.app.test_client().open(path, method=method)
    assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY
    assert "Strict-Transport-Security" not in answer.headers
    assert "Set-Cookie" not in answer.headers


def test_an_unexpected_error_has_the_security_headers(
    new_database: Callable[[], str], make_app: Callable[..., Flask]
) -> None:
    app = make_app(new_database(), BANKAPP_ENV="production", BCRYPT_ROUNDS="4")

    declare("broken", Access.PUBLIC)

    @app.get("/v1/broken")
    def broken() -> str:
        raise RuntimeError

    answer = Bank(app).anonymous().get("/broken", headers={"X-Request-Id": "broken-request"})
    assert refused(answer, 500, "internal_error")["request_id"] == "broken-request"
    assert {name: answer.headers.get(name) for name in SECURITY} == SECURITY
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert app.test_client().get("/docs").status_code == 404
    assert app.test_client().get("/openapi.json").status_code == 404


@pytest.mark.parametrize(
    ("proxies", "forwarded_for", "address"),
    [
        ("0", "203.0.113.7", "127.0.0.1"),
        ("1", "203.0.113.7", "203.0.113.7"),
        ("1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("2", "198.51.100.1, 203.0.113.7", "198.51.100.1"),
        ("1", "2001:DB8::0001", "2001:db8::1"),
        ("1", "unknown", "127.0.0.1"),
        ("1", "203.0.113.7:4711", "127.0.0.1"),
        ("1", "'; DROP TABLE users", "127.0.0.1"),
        ("1", "", "127.0.0.1"),
    ],
)
def test_the_client_address_is_found_behind_proxies(
    bank: Bank, make_app: Callable[..., Flask], proxies: str, forwarded_for: str, address: str
) -> None:
    behind = Bank(make_app(bank.app.config["SQLALCHEMY_DATABASE_URI"], TRUSTED_PROXIES=proxies))
    ada = bank.customer()
    headers = {"X-Forwarded-For": forwarded_for, "X-Real-Ip": "192.0.2.1", "Forwarded": "for=192.0.2.1"}
    body: Any = {"email": ada.email, "password": PASSWORD}
    ok(behind.anonymous().post("/auth/login", body, headers=headers))
    assert ok(ada.get("/auth/sessions"))["items"][0]["ip_address"] == address
    assert ok(ada.get("/audit-logs?event_type=login&limit=1"))["items"][0]["ip_address"] == address
