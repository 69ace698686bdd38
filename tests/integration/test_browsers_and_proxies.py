"""Security headers on every answer, CORS, and the client address behind proxies."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from werkzeug.test import TestResponse

from tests.support.factories import PASSWORD, Bank, ok, refused, unique_email

ORIGIN = "https://bank.example"


def every_kind_of_answer(bank: Bank) -> dict[str, TestResponse]:
    anonymous, customer = bank.anonymous(), bank.customer(holder=False)
    return {
        "success": anonymous.get("/health/live"),
        "created": customer.post("/account-holders", {"first_name": "A", "last_name": "B", "dob": "1990-01-01"}),
        "no content": customer.post("/auth/logout"),
        "malformed": anonymous.post("/auth/login", data=b"{", headers={"Content-Type": "application/json"}),
        "unauthenticated": anonymous.get("/auth/me"),
        "forbidden": bank.customer(holder=False).post(f"/accounts/{customer.user_id}/freeze"),
        "unknown route": anonymous.get("/nowhere"),
        "wrong method": anonymous.delete("/health"),
        "invalid": anonymous.post("/auth/signup", {}),
        "options": anonymous.request("OPTIONS", "/auth/login"),
        "metrics": bank.app.test_client().get("/metrics"),
    }


def test_every_answer_has_the_security_headers(bank: Bank) -> None:
    for kind, answer in every_kind_of_answer(bank).items():
        headers = answer.headers
        assert headers["X-Content-Type-Options"] == "nosniff", kind
        assert headers["Referrer-Policy"] == "no-referrer", kind
        assert headers["X-Frame-Options"] == "DENY", kind
        assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'", kind
        assert headers["Cache-Control"] == "no-store", kind
        assert len(headers["X-Request-Id"]) >= 8, kind
        assert "Set-Cookie" not in headers, kind
        assert "Strict-Transport-Security" not in headers, kind
        assert "Access-Control-Allow-Origin" not in headers, kind


def test_production_insists_on_https(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(BANKAPP_ENV="production", RATELIMIT_ENABLED="false")
    for answer in (bank.anonymous().get("/health/live"), bank.anonymous().get("/nowhere")):
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert bank.app.test_client().get("/openapi.json").status_code == 404


def test_a_named_origin_may_call(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(CORS_ORIGINS=f"{ORIGIN},https://other.example:8443")
    for origin in (ORIGIN, "https://other.example:8443"):
        answer = bank.anonymous(Origin=origin).get("/health/live")
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


def test_a_preflight_request_is_answered(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(CORS_ORIGINS=ORIGIN)
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization, content-type, idempotency-key",
    }
    answer = bank.anonymous(Origin=ORIGIN, **asked).request("OPTIONS", "/transfers")
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    methods = {method for rule in bank.app.url_map.iter_rules() for method in rule.methods or ()}
    assert set(answer.headers["Access-Control-Allow-Methods"].split(", ")) == methods - {"HEAD", "OPTIONS"}
    allowed = answer.headers["Access-Control-Allow-Headers"].lower()
    assert all(name in allowed for name in ("authorization", "content-type", "idempotency-key"))


def test_a_browser_can_read_refusals(bank_with: Callable[..., Bank]) -> None:
    caller = bank_with(CORS_ORIGINS=ORIGIN).anonymous(Origin=ORIGIN)
    for answer in (caller.get("/auth/me"), caller.get("/nowhere"), caller.post("/auth/signup", {})):
        assert answer.status_code >= 400
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_any_other_origin_may_not_call(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(CORS_ORIGINS=ORIGIN)
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", "null", "http://bank.example", f"{ORIGIN}:8443"):
        for method in ("GET", "OPTIONS"):
            answer = bank.anonymous(Origin=origin).request(method, "/health/live")
            assert "Access-Control-Allow-Origin" not in answer.headers, origin


def audited_address(bank: Bank, forwarded: str | None) -> str | None:
    """Return the address on the audit row of a sign-in with this X-Forwarded-For."""
    email = unique_email()
    ok(bank.anonymous().post("/auth/signup", {"email": email, "password": PASSWORD}), 201)
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    caller = bank.signed_in(email, **headers)
    [row] = ok(caller.get("/audit-logs?event_type=login"))["items"]
    [session] = ok(caller.get("/auth/sessions"))["items"]
    assert session["ip_address"] == row["ip_address"]
    return None if row["ip_address"] is None else str(row["ip_address"])


@pytest.mark.parametrize("forwarded", ["203.0.113.9", "2001:db8::9", "<script>", "127.0.0.1, 203.0.113.9"])
def test_without_a_trusted_proxy_the_header_is_ignored(bank: Bank, forwarded: str) -> None:
    assert audited_address(bank, forwarded) == "127.0.0.1"


FORWARDED = {
    None: "127.0.0.1",
    "203.0.113.9": "203.0.113.9",
    "10.9.9.9, 203.0.113.9": "203.0.113.9",
    "<script>alert(1)</script>, 203.0.113.9": "203.0.113.9",
    "2001:DB8:0::9": "2001:db8::9",
    "::ffff:203.0.113.9": "203.0.113.9",
    "fe80::1%<script>": "fe80::1",
    "fe80::1%" + "a" * 200: "fe80::1",
    "203.0.113.9, unknown": "127.0.0.1",
    "203.0.113.9:4711": "127.0.0.1",
    "<script>alert(1)</script>": "127.0.0.1",
    "1.2.3.4.5": "127.0.0.1",
    "": "127.0.0.1",
    "9" * 4000: "127.0.0.1",
}


def test_behind_one_proxy_the_last_value_counts_if_it_is_an_address(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(TRUSTED_PROXIES="1")
    assert {forwarded: audited_address(bank, forwarded) for forwarded in FORWARDED} == FORWARDED


def test_behind_two_proxies_the_second_value_from_the_right_counts(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(TRUSTED_PROXIES="2")
    assert audited_address(bank, "10.9.9.9, 203.0.113.9, 192.0.2.1") == "203.0.113.9"
    # The header has fewer values than there are proxies, so the client went around them.
    assert audited_address(bank, "203.0.113.9") == "127.0.0.1"


def test_a_forwarded_host_is_ignored(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(TRUSTED_PROXIES="1")
    answer = bank.anonymous(**{"X-Forwarded-Host": "evil.example"}).get("/auth/me")
    assert "evil.example" not in str(refused(answer, 401, "token_missing")) + str(answer.headers)
