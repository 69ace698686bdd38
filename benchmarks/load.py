"""Sends load from a separate process: wrk if it is installed, else a Python client."""

from __future__ import annotations

import http.client
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

LUA = Path(__file__).parent / "load.lua"


@dataclass(frozen=True)
class Load:
    """The requests to send in random order, each a ``{method, path, token, body, key}``.

    If ``key`` is true, every request gets a new Idempotency-Key.
    """

    requests: list[dict[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """The result of a load: requests a second, latencies in milliseconds, number of failed requests."""

    rate: float
    p50: float
    p99: float
    errors: int
    count: int


def run(url: str, load: Load, clients: int, seconds: float) -> Outcome:
    """Send ``load`` to ``url`` with ``clients`` connections for ``seconds``."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "load.json"
        path.write_text(json.dumps(load.requests))
        if shutil.which("wrk"):
            return _wrk(url, load, clients, seconds, Path(folder))
        command = [sys.executable, "-m", "benchmarks.load", url, str(path), str(clients), str(seconds)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return Outcome(**json.loads(done.stdout))


def _wrk(url: str, load: Load, clients: int, seconds: float, folder: Path) -> Outcome:
    lines = []
    for number, request in enumerate(load.requests):
        body = json.dumps(request["body"]) if request.get("body") is not None else ""
        lines += [
            request["method"],
            request["path"],
            request.get("token") or "",
            "key" if request.get("key") else "",
            body,
        ]
        assert "\n" not in body, number
    table = folder / "load.txt"
    table.write_text("\n".join(lines) + "\n")
    command = [
        "wrk",
        "-t1",
        f"-c{clients}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "30s",
        "-s",
        str(LUA),
        url,
        "--",
        str(table),
    ]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return Outcome(**json.loads(done.stdout.rpartition("RESULT ")[2]))


def _client(url: str, requests: list[dict[str, Any]], clients: int, seconds: float) -> Outcome:
    latencies: list[float] = []
    errors = 0
    lock = threading.Lock()
    end = time.monotonic() + seconds

    def work() -> None:
        nonlocal errors
        mine, bad = [], 0
        host = urlsplit(url).netloc
        connection = http.client.HTTPConnection(host, timeout=30)
        while time.monotonic() < end:
            request = random.choice(requests)
            headers = {"Content-Type": "application/json"}
            if request.get("token"):
                headers["Authorization"] = f"Bearer {request['token']}"
            if request.get("key"):
                headers["Idempotency-Key"] = str(uuid.uuid4())
            body = json.dumps(request["body"]) if request.get("body") is not None else None
            started = time.perf_counter()
            connection.request(request["method"], request["path"], body, headers)
            answer = connection.getresponse()
            answer.read()
            mine.append((time.perf_counter() - started) * 1000)
            bad += answer.status >= 300
        with lock:
            latencies.extend(mine)
            errors += bad

    threads = [threading.Thread(target=work) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cuts = statistics.quantiles(latencies, n=100)
    return Outcome(len(latencies) / seconds, cuts[49], cuts[98], errors, len(latencies))


if __name__ == "__main__":
    _, target, file, number, duration = sys.argv
    found = _client(target, json.loads(Path(file).read_text()), int(number), float(duration))
    print(json.dumps(vars(found)))
