"""The server from start to stop: healthy, draining, and without an aborted request."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from werkzeug.test import TestResponse

from config import ROOT
from tests.faults.production import get, production
from tests.support.factories import ok
from tests.support.raw_sql import RawSql
from tests.support.servers import GunicornServer, RemoteBank, until

METRIC = 'bankapp_requests_total{endpoint="health.read_liveness",status="200"}'


def test_the_server_serves_drains_and_exits(new_database: Callable[[], str], dialect: str, tmp_path: Path) -> None:
    server = production(new_database(), tmp_path, DRAIN_SECONDS="2").start()
    for path, body in {
        "/v1/health": {"status": "ok", "database": "ok"},
        "/v1/health/ready": {"status": "ok", "database": "ok"},
    }.items():
        answer = get(server, path)
        assert (answer.status_code, answer.get_json()) == (200, body)
    assert get(server, "/docs").status_code == 404
    assert get(server, "/v1/accounts", **{"X-Request-Id": "request-4715"}).headers["Strict-Transport-Security"]
    _check_that_metrics_add_up_the_workers(server, tmp_path)

    os.kill(server.pid, signal.SIGTERM)
    until(lambda: get(server, "/v1/health/ready").status_code == 503)
    ready, live, work = (get(server, path) for path in ("/v1/health/ready", "/v1/health/live", "/v1/accounts"))
    assert ready.get_json() == {"status": "unavailable", "database": "ok"}
    assert (live.status_code, work.status_code) == (200, 401)
    assert server.wait() == 0

    [line] = [line for line in server.lines if line["request_id"] == "request-4715"]
    assert (line["path"], line["status"], line["ip"]) == ("/v1/accounts", 401, "127.0.0.1")
    warned = any("production on SQLite" in line["message"] for line in server.lines)
    assert warned == (dialect == "sqlite")
    assert server.error_log.read_text() == ""
    assert not list(tmp_path.glob("bankapp-metrics-*"))
    assert not [path for path in (*ROOT.glob("*"), *tmp_path.glob("*")) if path.is_socket()]


def _check_that_metrics_add_up_the_workers(server: GunicornServer, folder: Path) -> None:
    sent = 0
    while sent < 20 or len(list(folder.glob("bankapp-metrics-*/counter_*.db"))) < 2:
        assert get(server, "/v1/health/live").status_code == 200
        sent += 1
        assert sent < 1_000, "only one worker ever answered"
    assert f"{METRIC} {sent}.0" in get(server, "/metrics").get_data(as_text=True)


def test_a_request_in_flight_is_finished_before_the_stop(
    fresh_app: Flask, dialect: str, raw_sql: Callable[..., RawSql], tmp_path: Path
) -> None:
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    # Tests another kind of gunicorn worker with each database.
    server = production(url, tmp_path, WEB_THREADS="1" if dialect == "sqlite" else "4", WEB_CONCURRENCY="1").start()
    ada = RemoteBank(fresh_app, server).customer()
    account = ada.account()
    answers: list[TestResponse] = []
    send = threading.Thread(target=lambda: answers.append(ada.move(account, 500, "deposit")))
    with raw_sql(fresh_app) as holder, raw_sql(fresh_app) as observer:
        holder.connection.execute("BEGIN IMMEDIATE" if dialect == "sqlite" else "BEGIN")
        if dialect == "postgresql":
            holder.connection.execute("SELECT 1 FROM accounts FOR UPDATE")
        send.start()
        _wait_until_pending(observer)
        os.kill(server.pid, signal.SIGTERM)
        _wait_until_stopping(server)
        holder.connection.execute("COMMIT")
        send.join()
    assert ok(answers[0], 201)["balance_after"] == 500
    assert server.wait() == 0


def test_ctrl_c_stops_without_draining(sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "bank.sqlite3")
    # One worker, because gunicorn loses a signal to a worker that it has just forked, and then waits for it.
    url = f"sqlite:///{tmp_path}/bank.sqlite3"
    server = production(url, tmp_path, DRAIN_SECONDS="300", WEB_CONCURRENCY="1").start()
    os.kill(server.pid, signal.SIGINT)
    assert server.wait() == 0
    assert server.error_log.read_text() == ""


def _wait_until_pending(raw: RawSql) -> None:
    """Wait until the request waits for the lock. SQLite does not show that, so there the test sleeps."""
    if raw.dialect == "sqlite":
        time.sleep(0.5)
        return
    until(
        lambda: bool(
            raw.rows("SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        )
    )


def _wait_until_stopping(server: GunicornServer) -> None:
    until(lambda: any(line["message"] == "Handling signal: term" for line in server.lines))
    # Nothing shows when the worker gets the signal, too; it takes milliseconds.
    time.sleep(0.2)


def test_a_signal_during_the_fork_stops_the_worker(new_database: Callable[[], str], tmp_path: Path) -> None:
    with production(new_database(), tmp_path, WEB_CONCURRENCY="1") as server:
        for _ in range(10):
            [worker] = server.workers
            os.kill(worker, signal.SIGKILL)
            # Without a pause, because the signal must arrive right after the fork.
            while not (born := [pid for pid in server.workers if pid != worker]):
                pass
            os.kill(born[0], signal.SIGTERM)
            until(functools.partial(_is_gone, server, born[0]))
            until(lambda: bool(server.workers))


def _is_gone(server: GunicornServer, worker: int) -> bool:
    return worker not in server.workers
