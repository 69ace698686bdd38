"""The proxies of ``deploy/`` as they stand there, but for ports, certificates and where they log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.production import production
from tests.support.factories import PASSWORD
from tests.support.reverse_proxies import Proxy, haproxy, nginx, program
from tests.support.servers import GunicornServer

CREDENTIALS = json.dumps({"email": "nobody@bank.example", "password": PASSWORD})


@pytest.fixture(params=[nginx, haproxy], ids=lambda proxy: str(proxy.__name__))
def proxied(request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path) -> Iterator[tuple[GunicornServer, Proxy]]:
    start: Callable[..., Any] = request.param
    program(start.__name__)
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
