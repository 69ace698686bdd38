"""Refresh tokens: exchanged once, recognised when they are reused, expired in time."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select

from bankapp import clock
from bankapp.extensions import db
from bankapp.models import RefreshToken
from tests.support import clocks
from tests.support.factories import Bank, Caller, ok, refused


@pytest.fixture
def caller(bank: Bank) -> Caller:
    return bank.customer(holder=False)


def refresh(caller: Caller, token: str | None = None) -> Any:
    return Caller(caller.client).post("/auth/refresh", {"refresh_token": token or caller.tokens["refresh_token"]})


def events(caller: Caller, event_type: str) -> list[dict[str, Any]]:
    return list(ok(caller.get(f"/audit-logs?event_type={event_type}"))["items"])


def test_a_refresh_returns_a_new_pair_that_works(caller: Caller) -> None:
    old = caller.tokens
    caller.tokens = ok(refresh(caller))
    assert caller.tokens["refresh_token"] != old["refresh_token"]
    assert (caller.tokens["token_type"], caller.tokens["refresh_expires_in"]) == ("Bearer", 12 * 3600)
    ok(caller.get("/auth/me"))
    assert len(ok(caller.get("/auth/sessions"))["items"]) == 1


def test_reuse_revokes_the_session_and_is_audited(bank: Bank, caller: Caller) -> None:
    stolen = caller.tokens["refresh_token"]
    thief = Caller(caller.client, tokens=ok(refresh(caller)))
    refused(refresh(caller, stolen), 401, "refresh_token_reused")

    refused(thief.get("/auth/me"), 401, "token_revoked")
    refused(caller.get("/auth/me"), 401, "token_revoked")
    refused(refresh(thief), 401, "refresh_token_invalid")
    alarm, *more = events(bank.signed_in(caller.email), "token_reuse")
    assert not more
    assert (alarm["status"], alarm["metadata"]["code"]) == ("failure", "refresh_token_reused")
    assert (alarm["user_id"], alarm["resource_type"]) == (caller.user_id, "session")


def test_reuse_does_not_end_other_sessions(bank: Bank, caller: Caller) -> None:
    other = bank.signed_in(caller.email)
    ok(refresh(caller))
    refused(refresh(caller), 401, "refresh_token_reused")
    ok(other.get("/auth/me"))


def test_the_token_of_an_ended_session_is_not_audited_as_reuse(bank: Bank, caller: Caller) -> None:
    ok(caller.post("/auth/logout"), 204)
    refused(refresh(caller), 401, "refresh_token_invalid")
    assert events(bank.signed_in(caller.email), "token_reuse") == []


def test_an_unknown_token_is_refused(caller: Caller) -> None:
    refused(refresh(caller, "A" * 43), 401, "refresh_token_invalid")


def test_ten_concurrent_refreshes_make_one_pair(bank: Bank, caller: Caller) -> None:
    barrier = Barrier(10)

    def attempt(_: int) -> Any:
        client = bank.app.test_client()
        barrier.wait()
        return client.post("/v1/auth/refresh", json={"refresh_token": caller.tokens["refresh_token"]})

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(attempt, range(10)))
    outcomes = sorted(answer.get_json().get("code", "pair") for answer in answers)
    assert outcomes == ["pair"] + ["refresh_token_reused"] * 9
    # The token was used more than once, so the whole session is revoked.
    [pair] = [answer.get_json() for answer in answers if answer.status_code == 200]
    refused(Caller(caller.client, tokens=pair).get("/auth/me"), 401, "token_revoked")
    assert len(events(bank.signed_in(caller.email), "token_reuse")) == 9


def test_no_token_survives_a_logout_during_a_refresh(bank: Bank) -> None:
    for _ in range(5):
        caller = bank.customer(holder=False)
        barrier = Barrier(2)

        def act(path: str, body: Any, caller: Caller = caller, barrier: Barrier = barrier) -> Any:
            mine = Caller(bank.app.test_client(), tokens=caller.tokens)
            barrier.wait()
            return mine.post(path, body)

        with ThreadPoolExecutor(2) as pool:
            leaving = pool.submit(act, "/auth/logout", None)
            staying = pool.submit(act, "/auth/refresh", {"refresh_token": caller.tokens["refresh_token"]})
        ok(leaving.result(), 204)
        if staying.result().status_code == 200:
            pair = staying.result().get_json()
            refused(Caller(caller.client, tokens=pair).get("/auth/me"), 401, "token_revoked")
            refused(refresh(caller, pair["refresh_token"]), 401, "refresh_token_invalid")
        else:
            refused(staying.result(), 401, "refresh_token_invalid")


def test_an_idle_session_ends(caller: Caller) -> None:
    with clocks.at(clock.now() + timedelta(hours=11, minutes=59)):
        caller.tokens = ok(refresh(caller))
    with clocks.at(clock.now() + timedelta(hours=24)):
        refused(refresh(caller), 401, "refresh_token_invalid")


def test_no_session_outlives_its_absolute_lifetime(caller: Caller) -> None:
    signed_in = clock.now()
    for hours in range(11, 7 * 24, 11):
        with clocks.at(signed_in + timedelta(hours=hours)):
            caller.tokens = ok(refresh(caller))
    assert caller.tokens["refresh_expires_in"] < 11 * 3600
    with clocks.at(signed_in + timedelta(days=7, minutes=1)):
        refused(refresh(caller), 401, "refresh_token_invalid")


def test_reuse_of_an_expired_token_is_audited(caller: Caller) -> None:
    old = caller.tokens["refresh_token"]
    with clocks.at(clock.now() + timedelta(hours=6)):
        caller.tokens = ok(refresh(caller))
    with clocks.at(clock.now() + timedelta(hours=13)):
        refused(refresh(caller, old), 401, "refresh_token_reused")
        refused(refresh(caller), 401, "refresh_token_invalid")


def test_the_token_is_stored_hashed_with_address_and_device(bank: Bank) -> None:
    caller = bank.customer(holder=False, **{"X-Device-Id": "phone-1"})
    token = caller.tokens["refresh_token"]
    with bank.app.app_context():
        digest = hashlib.sha256(token.encode()).hexdigest()
        [row] = db.session.scalars(select(RefreshToken).where(RefreshToken.token_hash == digest))
        stored = [str(getattr(row, column.key)) for column in RefreshToken.__table__.columns]
    assert (row.ip_address, row.device_id) == ("127.0.0.1", "phone-1")
    assert not any(token in value for value in stored)
