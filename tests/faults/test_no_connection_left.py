"""No free connection, in the pool or in PostgreSQL: 503 with Retry-After, and recovery without a restart."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from bankapp.db.dialects import MAX_OVERFLOW
from bankapp.extensions import db
from tests.support.books import faults
from tests.support.factories import PASSWORD, Bank, ok, refused


@contextlib.contextmanager
def pool_exhausted(bank: Bank) -> Iterator[None]:
    with bank.app.app_context(), contextlib.ExitStack() as stack:
        for _ in range(1 + MAX_OVERFLOW):
            stack.enter_context(db.engine.connect())
        yield


@contextlib.contextmanager
def server_exhausted(bank: Bank, url: str) -> Iterator[None]:
    """Hold every connection that PostgreSQL allows, after those of the application are gone."""
    with bank.app.app_context():
        db.engine.dispose()
    with contextlib.ExitStack() as stack:
        connections = (stack.enter_context(psycopg.connect(url)) for _ in itertools.repeat(None))
        with pytest.raises(psycopg.OperationalError, match=r"too many clients|reserved"):
            list(connections)
        yield


@pytest.fixture(params=["pool, PostgreSQL", "pool, SQLite", "max_connections"])
def exhausted(
    request: pytest.FixtureRequest, bank_on: Callable[..., Bank]
) -> tuple[Bank, Callable[[], contextlib.AbstractContextManager[None]]]:
    url = request.getfixturevalue("sqlite_url" if "SQLite" in request.param else "postgres_url")
    bank = bank_on(url, threads=1)
    if request.param == "max_connections":
        return bank, lambda: server_exhausted(bank, url)
    return bank, lambda: pool_exhausted(bank)


def test_a_request_without_a_connection_is_503_and_moves_nothing(exhausted: tuple[Bank, Any]) -> None:
    bank, no_connection = exhausted
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=100), bob.account()
    requests: list[Callable[[], Any]] = [
        lambda: ada.transfer(source, target, 60, key="rent"),
        lambda: ada.get(f"/accounts/{source['id']}"),
        lambda: ada.post("/auth/login", {"email": ada.email, "password": PASSWORD}),
    ]
    with no_connection():
        for request in requests:
            reply = request()
            refused(reply, 503, "unavailable")
            assert int(reply.headers["Retry-After"]) >= 1
    ok(ada.transfer(source, target, 60, key="rent"), 201)
    assert (ada.balance(source), bob.balance(target)) == (40, 60)
    assert faults(bank.app) == []
