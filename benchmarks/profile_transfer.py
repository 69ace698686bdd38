"""``make profile``: shows where the time of a transfer on PostgreSQL goes. py-spy takes 100 samples a second.

One process calls the application's WSGI function. So the figures exclude gunicorn, but include waiting for PostgreSQL.
"""

from __future__ import annotations

import logging
import random
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flask import Flask
from rich.console import Console
from rich.table import Table
from werkzeug.test import EnvironBuilder, run_wsgi_app

from benchmarks import scenarios, stage
from tests.support.postgres import PostgresServer

SECONDS = 60

# The parts of a transfer. A sample belongs to the first match, searched from the innermost frame outwards.
PARTS = (
    (r"wait \(psycopg/connection|_send_query_prepared|_exec_command", "sending to PostgreSQL and waiting for it"),
    (r"psycopg/", "psycopg: parameters, rows, protocol"),
    (r"sqlalchemy/", "SQLAlchemy: connections, begin and commit"),
    (r"marshmallow/", "marshmallow: reading the body"),
    (r"pythonjsonlogger/|logging/__init__|bankapp/logging", "two log lines"),
    (r"prometheus_client/|bankapp/api/metrics", "metrics"),
    (r"flask/|werkzeug/|flask_smorest/", "Flask and Werkzeug"),
    (r"bankapp/(api|schemas|context)", "bankapp: the edge (api, schemas, context)"),
    (r"bankapp/services", "bankapp: services"),
    (r"bankapp/", "bankapp: repositories, database, prepared statements"),
)


def main() -> None:
    """Profile transfers and print a table. With a file name as the argument, save py-spy's stacks there."""
    with tempfile.TemporaryDirectory() as folder:
        stacks = Path(sys.argv[1] if sys.argv[1:] else f"{folder}/stacks.txt")
        spy = [str(Path(sys.executable).with_name("py-spy")), "record", "--idle", "--rate", "100", "--format", "raw"]
        driver = [sys.executable, "-m", "benchmarks.profile_transfer", "--drive"]
        done = subprocess.run(
            [*spy, "--output", str(stacks), "--", *driver],
            check=True,
            stdout=subprocess.PIPE,
            cwd=stage.ROOT,
            text=True,
        )
        plain, slowed = map(float, re.findall(r"one takes ([\d.]+)", done.stdout))
        _print(_by_part(stacks.read_text(encoding="utf-8").splitlines()), plain, slowed)


def drive() -> None:
    """Send transfers for ``SECONDS``, and print the best and the median time of one in microseconds."""
    server = PostgresServer()
    server.start(durable=True)
    try:
        app, people = stage.prepare(server.create_database("profile"), 4, 4)
        _log_to_nowhere()
        requests = scenarios.transfers(people).requests
        _send(app, requests, 500)
        rounds = []
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            rounds.append(_send(app, requests, 500))
    finally:
        server.stop()
    print(f"one takes {min(rounds)}, one takes {sorted(rounds)[len(rounds) // 2]}")


def _log_to_nowhere() -> None:
    logger = logging.getLogger()
    logger.setLevel("INFO")
    for handler in logger.handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(Path("/dev/null").open("w", encoding="utf-8"))  # noqa: SIM115 - until the process ends


def _send(app: Flask, requests: list[dict[str, Any]], count: int) -> float:
    """Send ``count`` transfers and return the mean time of one in microseconds."""
    environments = [_environment(random.choice(requests)) for _ in range(count)]
    started = time.perf_counter()
    for environment in environments:
        _answer(app, environment)
    return (time.perf_counter() - started) / count * 1e6


def _answer(app: Flask, environment: Any) -> None:
    _, status, _ = run_wsgi_app(app.wsgi_app, environment)
    assert status.startswith("201"), status


def _environment(request: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {request['token']}", "Idempotency-Key": str(uuid.uuid4())}
    builder = EnvironBuilder(path=request["path"], method=request["method"], headers=headers, json=request["body"])
    return builder.get_environ()


def _by_part(stacks: Iterable[str]) -> Counter[str]:
    """Return how many samples fell into each part, from lines ``frame;frame;… count``."""
    samples: Counter[str] = Counter()
    for line in stacks:
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if not any(frame.startswith("_answer ") for frame in frames):
            continue  # preparing the database and the requests
        parts = (part for frame in reversed(frames) for pattern, part in PARTS if re.search(pattern, frame))
        samples[next(parts, "the measurement itself")] += int(count)
    return samples


def _print(samples: Counter[str], plain: float, slowed: float) -> None:
    total = sum(samples.values())
    table = Table(
        title=f"a transfer in one process: {plain:,.0f} µs at best, {slowed:,.0f} at the median ({total:,} samples)"
    )
    table.add_column("part")
    table.add_column("share", justify="right")
    table.add_column("µs of the median", justify="right")
    for part, count in samples.most_common():
        table.add_row(part, f"{count / total:.1%}", f"{count / total * slowed:,.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    drive() if sys.argv[1:] == ["--drive"] else main()
