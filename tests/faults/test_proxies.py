"""The proxies of ``deploy/`` as they stand there, but for ports, certificates and where they log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.faults.production import production
from tests.support.event_streams import sequencer
from tests.support.factories import PASSWORD
from tests.support.reverse_proxies import Proxy, haproxy, nginx, program
from tests.support.servers import GunicornServer, RemoteBank

CREDENTIALS = json.dumps({"email": "nobody@bank.example", "password": PASSWORD})


@pytest.fixture(params=[nginx, haproxy], ids=lambda proxy: str(proxy.__name__))
def start(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Return the function that starts a proxy."""
    program(request.param.__name__)
    found: Callable[..., Any] = request.param
    return found


@pytest.fixture
def proxied(start: Callable[..., Any], sqlite_url: str, tmp_path: Path) -> Iterator[tuple[GunicornServer, Proxy]]:
    with production(sqlite_url, tmp_path, TRUSTED_PROXIES="1") as server, start(server, tmp_path) as proxy:
        yield server, proxy


def test_a_request_through_the_proxy(proxied: tuple[GunicornServer, Proxy]) -> None:
    server, proxy = proxied
    sent = {"Content-Type": "application/json", "X-Request-Id": "request-4715", "X-Forwarded-For": "203.0.113.9"}
    status, headers, problem = proxy.ask("POST", "/v1/auth/login", CREDENTIALS, **sent, SCRIPT_NAME="/v1")
    assert (status, problem["code"]) == (401, "invalid_credentials")
    assert headers["X-Request-Id"] == problem["request_id"] == "request-4715"
    [line] = [line for line in server.lines if line["request_id"] == "request-4715" and "latency_ms" in line]
    assert (line["path"], line["ip"]) == ("/v1/auth/login", "127.0.0.1")
    status, headers, problem = proxy.ask("GET", "/v1/nowhere", **{"X-Request-Id": "<script>"})
    assert (status, headers["X-Request-Id"]) == (404, problem["request_id"])
    # In chunks, and longer than a proxy holds in memory.
    body = iter([CREDENTIALS.encode(), b" " * 65_000, b" " * 65_000])
    status, _, problem = proxy.ask("POST", "/v1/auth/login", body, **{"Content-Type": "application/json"})
    assert (status, problem["code"]) == (413, "payload_too_large")


def test_an_event_passes_through_the_proxy(start: Callable[..., Any], fresh_app: Flask, tmp_path: Path) -> None:
    url = fresh_app.config["SQLALCHEMY_DATABASE_URI"]
    with production(url, tmp_path, TRUSTED_PROXIES="1") as server, start(server, tmp_path) as proxy:
        ada = RemoteBank(fresh_app, server).customer()
        connection = proxy.connection()
        with closing(connection), sequencer(fresh_app):
            token = {"Authorization": f"Bearer {ada.tokens['access_token']}"}
            connection.request("GET", "/v1/events/stream?after=0", headers=token)
            answer = connection.getresponse()
            assert (answer.status, answer.headers["Content-Type"]) == (200, "text/event-stream")
            for _ in range(3):
                account = ada.account()
                began = time.monotonic()
                while not (line := answer.readline()).startswith(b"data: ") or account["id"].encode() not in line:
                    assert line, "the stream has ended"
                # A proxy that buffers keeps the event back for as long as the stream is open.
                assert time.monotonic() - began < 5


def test_what_the_proxy_answers_by_itself(proxied: tuple[GunicornServer, Proxy]) -> None:
    server, proxy = proxied
    status, headers, problem = proxy.ask("GET", "/metrics")
    assert (status, problem["code"], headers["Content-Type"]) == (404, "not_found", "application/problem+json")
    assert headers["X-Request-Id"] == problem["request_id"]
    server.stop()
    time.sleep(0.2)
    status, headers, problem = proxy.ask("GET", "/v1/health/live")
    assert (status, problem["code"], problem["status"]) == (503, "unavailable", 503)
    assert (headers["Content-Type"], headers["Retry-After"]) == ("application/problem+json", "2")
    assert len(headers["X-Request-Id"]) >= 8
