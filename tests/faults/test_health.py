"""The health probes answer correctly and in time when the database does not answer."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from tests.support.databases import migrate
from tests.support.factories import Bank
from tests.support.postgres import PostgresServer

GONE = {"status": "unavailable", "database": "unavailable"}


def assert_unhealthy(app: Flask) -> None:
    for path in ("/health", "/health/ready"):
        started = time.monotonic()
        response = Bank(app).anonymous().get(path)
        assert (response.status_code, response.get_json()) == (503, GONE)
        assert time.monotonic() - started < 2
    live = Bank(app).anonymous().get("/health/live")
    assert (live.status_code, live.get_json()) == (200, {"status": "ok"})


def assert_healthy(app: Flask) -> None:
    response = Bank(app).anonymous().get("/health")
    assert (response.status_code, response.get_json()) == (200, {"status": "ok", "database": "ok"})


@pytest.fixture
def sqlite_app(sqlite_url: str, make_app: Callable[..., Flask]) -> Flask:
    return make_app(sqlite_url)


def test_a_missing_sqlite_file_is_unhealthy(sqlite_app: Flask, tmp_path: Path) -> None:
    assert_healthy(sqlite_app)
    file = tmp_path / "bank.sqlite3"
    file.rename(tmp_path / "elsewhere")
    assert_unhealthy(sqlite_app)
    assert not file.exists()
    (tmp_path / "elsewhere").rename(file)
    assert_healthy(sqlite_app)


def test_a_file_that_is_no_database_is_unhealthy(sqlite_app: Flask, tmp_path: Path) -> None:
    (tmp_path / "bank.sqlite3").write_bytes(b"not a database" * 1000)
    assert_unhealthy(sqlite_app)


def test_a_hanging_and_a_stopped_postgresql_are_unhealthy(make_app: Callable[..., Flask]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TEST_POSTGRES_URL", raising=False)
        server = PostgresServer()
    with server:
        url = server.create_database("bank")
        migrate(url)
        app = make_app(url)
        assert_healthy(app)
        # The kernel still accepts connections, but the stopped server does not answer.
        os.kill(server.pid, signal.SIGSTOP)
        try:
            assert_unhealthy(app)
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert_healthy(app)
        server.crash()
        assert_unhealthy(app)
        server.restart()
        assert_healthy(app)
