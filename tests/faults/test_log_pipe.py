"""A log collector that does not read: requests are answered, and their lines arrive when it reads again."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from tests.faults.production import get, production
from tests.support.collector import Collector
from tests.support.servers import until

REQUESTS = 500
"""Enough for more lines than a pipe holds (64 KiB)."""


def test_requests_are_answered_while_nobody_reads_the_log(sqlite_url: str, tmp_path: Path) -> None:
    server = production(sqlite_url, tmp_path)
    with Collector(server.log) as collector:
        server.stdout = collector.writes
        with server:
            collector.pause()
            for number in range(REQUESTS):
                assert get(server, "/v1/health/live", **{"X-Request-Id": f"request-{number:06}"}).status_code == 200
            # The main process writes to the log, too, when it replaces a worker.
            server.kill_workers()
            assert get(server, "/v1/health/live").status_code == 200
            assert b"bankapp_log_lines_lost_total 0.0" in get(server, "/metrics").data
            collector.resume()
            assert server.stop() == 0
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    written = Counter(line["request_id"] for line in lines if line["message"] == "GET /v1/health/live 200")
    assert set(written.values()) == {1}


def test_every_line_arrives_when_the_log_is_read_again(sqlite_url: str, tmp_path: Path) -> None:
    server = production(sqlite_url, tmp_path)
    with Collector(server.log) as collector:
        server.stdout = collector.writes
        with server:
            collector.pause()
            for number in range(REQUESTS):
                assert get(server, "/v1/health/live", **{"X-Request-Id": f"request-{number:06}"}).status_code == 200
            last = f"request-{REQUESTS - 1:06}"
            assert last not in server.log.read_text()
            collector.resume()
            until(lambda: last in server.log.read_text())
            assert server.stop() == 0
    expected = Counter(f"request-{number:06}" for number in range(REQUESTS))
    assert Counter(id for line in server.lines if (id := line["request_id"] or "").startswith("request-")) == expected


def test_a_stop_does_not_wait_for_the_log(sqlite_url: str, tmp_path: Path) -> None:
    server = production(sqlite_url, tmp_path)
    with Collector(server.log) as collector:
        server.stdout = collector.writes
        with server:
            collector.pause()
            for _ in range(REQUESTS):
                assert get(server, "/v1/health/live").status_code == 200
            assert server.stop() == 0
    assert "lines of the log were lost" in server.error_log.read_text()
