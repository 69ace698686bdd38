"""Limits on sign-ins, sign-ups and refreshes, and the slow-down after failed sign-ins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from bankapp import clock
from config import Config
from tests.support import clocks
from tests.support.factories import PASSWORD, Bank, Caller, ok, refused, unique_email
from tests.support.redis_server import counting_redis


@pytest.fixture
def limited(bank_with: Callable[..., Bank]) -> Bank:
    return bank_with(RATELIMIT_ENABLED="true", TRUSTED_PROXIES="1")


def caller_at(bank: Bank, address: str, **headers: str) -> Caller:
    """Return a caller with this address behind the proxy."""
    return bank.anonymous(**{"X-Forwarded-For": address}, **headers)


def attempt(caller: Caller, email: str, password: str = "wrong") -> int:
    return caller.post("/auth/login", {"email": email, "password": password}).status_code


def fail_ten_times(bank: Bank, email: str, address: str = "198.51.100.1") -> None:
    # The slow-down begins with the tenth failure. Request limits are off, because they would refuse earlier.
    for _ in range(10):
        assert attempt(caller_at(bank, address), email) == 401


@pytest.fixture
def unlimited(bank_with: Callable[..., Bank]) -> Bank:
    return bank_with(TRUSTED_PROXIES="1")


def test_sign_ins_are_limited_by_email(limited: Bank) -> None:
    email = unique_email()
    for n in range(10):
        answer = caller_at(limited, f"198.51.100.{n}").post(
            "/auth/login", {"email": email.upper(), "password": "wrong"}
        )
        refused(answer, 401, "invalid_credentials")
        assert answer.headers["RateLimit-Limit"] == "10"
        assert answer.headers["RateLimit-Remaining"] == str(9 - n)
    answer = caller_at(limited, "198.51.100.99").post("/auth/login", {"email": email, "password": "wrong"})
    refused(answer, 429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 61
    assert 1 <= int(answer.headers["RateLimit-Reset"]) <= 61
    assert attempt(caller_at(limited, "198.51.100.99"), unique_email()) == 401


def test_sign_ins_are_limited_by_address(limited: Bank) -> None:
    answers = [attempt(caller_at(limited, "198.51.101.1"), unique_email()) for _ in range(61)]
    assert answers == [401] * 60 + [429]
    assert attempt(caller_at(limited, "198.51.101.2"), unique_email()) == 401


def test_one_ipv6_network_is_one_client(limited: Bank) -> None:
    answers = [attempt(caller_at(limited, f"2001:db8:7:7::{n:x}"), unique_email()) for n in range(61)]
    assert answers == [401] * 60 + [429]
    assert attempt(caller_at(limited, "2001:db8:7:8::1"), unique_email()) == 401


def test_sign_ups_are_limited_by_email(limited: Bank) -> None:
    body = {"email": unique_email(), "password": PASSWORD}
    answers = [caller_at(limited, f"198.51.102.{n}").post("/auth/signup", body).status_code for n in range(6)]
    assert answers == [201, 409, 409, 409, 409, 429]


def test_refreshes_are_limited_by_owner(limited: Bank) -> None:
    caller = limited.customer(holder=False)
    answers = []
    for n in range(31):
        answer = caller_at(limited, f"198.51.103.{n}").post(
            "/auth/refresh", {"refresh_token": caller.tokens["refresh_token"]}
        )
        answers.append(answer.status_code)
        caller.tokens = answer.get_json()
    assert answers == [200] * 30 + [429]


@pytest.mark.parametrize("body", [b"", b"[1]", b"{", b'{"email": 1, "password": 2}', b'{"email": "\\u0000"}'])
def test_limits_do_not_change_the_refusal_of_a_malformed_body(limited: Bank, body: bytes) -> None:
    client = limited.app.test_client()
    answer = client.post("/v1/auth/login", data=body, content_type="application/json")
    assert answer.status_code in (400, 422)
    assert answer.headers["RateLimit-Limit"]


def test_an_unlimited_endpoint_sends_no_limit_headers(limited: Bank) -> None:
    assert "RateLimit-Limit" not in limited.anonymous().get("/health").headers


def test_requests_are_served_while_the_store_of_limits_is_down(bank_with: Callable[..., Bank]) -> None:
    bank = bank_with(RATELIMIT_ENABLED="true", RATELIMIT_STORAGE_URI="redis://127.0.0.1:1/0")
    email = unique_email()
    assert [attempt(bank.anonymous(), email) for _ in range(11)] == [401] * 10 + [429]


@pytest.mark.parametrize("counts", [1, 2, 3, 4])
def test_a_store_that_fails_during_a_request_fails_no_request(bank_with: Callable[..., Bank], counts: int) -> None:
    with counting_redis(counts) as redis:
        bank = bank_with(RATELIMIT_ENABLED="true", RATELIMIT_STORAGE_URI=redis.url)
        email = unique_email()
        assert [attempt(bank.anonymous(), email) for _ in range(3)] == [401] * 3
        assert redis.counts_left == 0


def test_limits_are_on_unless_switched_off() -> None:
    environ = {"JWT_SECRET": "a-test-secret-that-is-used-nowhere-else", "DATABASE_URL": "sqlite:///unused"}
    assert Config.from_env(environ).ratelimit_enabled
    assert not Config.from_env(environ | {"RATELIMIT_ENABLED": "false"}).ratelimit_enabled


@pytest.mark.parametrize("known", [True, False])
def test_ten_failures_slow_the_account_down(unlimited: Bank, known: bool) -> None:
    # An unknown address is slowed down in the same way, so that 429 does not tell who has an account.
    email = unlimited.customer(holder=False).email if known else unique_email()
    stranger = caller_at(unlimited, "198.51.100.2")
    fail_ten_times(unlimited, email)
    answer = stranger.post("/auth/login", {"email": email, "password": PASSWORD})
    refused(answer, 429, "rate_limited")
    assert answer.headers["Retry-After"] == "5"
    with clocks.at(clock.now() + timedelta(seconds=6)):
        assert attempt(stranger, email) == 401
        answer = stranger.post("/auth/login", {"email": email, "password": "wrong"})
        refused(answer, 429, "rate_limited")
        assert answer.headers["Retry-After"] == "10"


def test_the_wait_never_grows_beyond_a_minute(unlimited: Bank) -> None:
    email, stranger, now = unique_email(), caller_at(unlimited, "198.51.100.2"), clock.now()
    fail_ten_times(unlimited, email)
    for n in range(1, 9):
        with clocks.at(now + timedelta(seconds=61 * n)):
            assert attempt(stranger, email) == 401
            assert attempt(stranger, email) == 429


def test_a_stranger_does_not_lock_the_owner_out(unlimited: Bank) -> None:
    home = "203.0.113.20"
    email = unlimited.customer(holder=False).email
    ok(caller_at(unlimited, home).post("/auth/login", {"email": email, "password": PASSWORD}))
    phone = {"X-Device-Id": "b2a7c1de-phone"}
    ok(caller_at(unlimited, "203.0.113.30", **phone).post("/auth/login", {"email": email, "password": PASSWORD}))

    fail_ten_times(unlimited, email)
    assert attempt(caller_at(unlimited, "198.51.100.3"), email, PASSWORD) == 429
    assert attempt(caller_at(unlimited, home), email, PASSWORD) == 200
    assert attempt(caller_at(unlimited, "192.0.2.77", **phone), email, PASSWORD) == 200
    # The success of the owner does not reset the count of the attacker.
    assert attempt(caller_at(unlimited, "198.51.100.3"), email, PASSWORD) == 429


def test_the_request_limit_does_not_lock_the_owner_out_either(limited: Bank) -> None:
    email = limited.customer(holder=False).email
    home = caller_at(limited, "203.0.113.21")
    assert attempt(home, email, PASSWORD) == 200
    answers = [attempt(caller_at(limited, f"198.51.104.{n}"), email) for n in range(11)]
    assert answers[-1] == 429
    assert attempt(home, email, PASSWORD) == 200


def test_an_attacker_at_the_owners_address_is_slowed_down(unlimited: Bank) -> None:
    home = "203.0.113.22"
    email = unlimited.customer(holder=False).email
    assert attempt(caller_at(unlimited, home), email, PASSWORD) == 200
    fail_ten_times(unlimited, email, address=home)
    assert attempt(caller_at(unlimited, home), email) == 429


def test_a_success_resets_the_count_of_failures(unlimited: Bank) -> None:
    email = unlimited.customer(holder=False).email
    for _ in range(2):
        for _ in range(9):
            assert attempt(caller_at(unlimited, "127.0.0.1"), email) == 401
        assert attempt(caller_at(unlimited, "127.0.0.1"), email, PASSWORD) == 200


def test_guessing_the_password_with_a_stolen_access_token_is_slowed_down(bank: Bank) -> None:
    caller = bank.customer(holder=False)
    body = {"current_password": "wrong", "new_password": "copper-walrus-naps-42"}
    for _ in range(10):
        refused(caller.post("/auth/password", body), 401, "invalid_credentials")
    answer = caller.post("/auth/password", body | {"current_password": PASSWORD})
    refused(answer, 429, "rate_limited")
    assert answer.headers["Retry-After"] == "5"
