"""Measures the delivery of events: from their commit, by the sequencer and the fan-out, to a receiver's answer."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from flask import Flask

from bankapp import context, db
from bankapp.context import Context
from bankapp.services import ledger, webhook_endpoints
from benchmarks import stage
from benchmarks.scenarios import Plan, Row
from benchmarks.stage import ROOT, Person

PEOPLE: Final = 8
JOBS: Final = ("number_events", "fan_out_events", "deliver_webhooks")
POSTED_AT_ONCE: Final = 1_000
STEADY_SECONDS: Final = 20
STEADY_SHARE: Final = 0.5
"""Events come at this share of the highest rate while the lag is measured."""

PAUSE_SECONDS: Final = 0.05
STALLED_SECONDS: Final = 120
_ANSWER: Final = b"HTTP/1.1 204 No Content\r\n\r\n"


@dataclass(frozen=True)
class Receiver:
    """A receiver in a process of its own: its URL, how many messages came, and the lag of each in milliseconds."""

    url: str
    count: Any
    lags_ms: Any


@contextmanager
def receiver(capacity: int) -> Iterator[Receiver]:
    """Run a receiver that confirms every message at once, and notes the lags of ``capacity`` messages at most."""
    forking = multiprocessing.get_context("fork")
    count, lags_ms = forking.Value("L", 0, lock=False), forking.Array("d", capacity, lock=False)
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    process = forking.Process(target=_receive, args=(listener, count, lags_ms), daemon=True)
    process.start()
    try:
        yield Receiver(f"http://127.0.0.1:{listener.getsockname()[1]}/hook", count, lags_ms)
    finally:
        listener.close()
        process.terminate()
        process.join()


def _receive(listener: socket.socket, count: Any, lags_ms: Any) -> None:
    handled: set[bytes] = set()

    class Connection(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport
            self.buffer = b""

        def data_received(self, data: bytes) -> None:
            self.buffer += data
            while (end := self.buffer.find(b"\r\n\r\n") + 4) > 3:
                fields = dict(line.lower().split(b": ", 1) for line in self.buffer[: end - 4].split(b"\r\n")[1:])
                whole = end + int(fields[b"content-length"])
                if len(self.buffer) < whole:
                    return
                self._confirm(fields[b"webhook-id"], self.buffer[end:whole])
                self.buffer = self.buffer[whole:]

        def _confirm(self, message_id: bytes, body: bytes) -> None:
            self.transport.write(_ANSWER)
            if message_id in handled:
                return
            handled.add(message_id)
            happened_at = datetime.fromisoformat(body.partition(b'"timestamp":"')[2].partition(b'"')[0].decode())
            if count.value < len(lags_ms):
                lags_ms[count.value] = (time.time() - happened_at.timestamp()) * 1000
            count.value += 1

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Connection, sock=listener)
        await server.serve_forever()

    asyncio.run(serve())


def measure(plan: Plan, database: str, database_url: str, total: int) -> None:
    """Measure the highest rate with ``total`` events that are stored before, and then the lag at half of that rate."""
    env = stage.environment(database_url) | {"BANKAPP_ENV": "development", "WEBHOOKS_ALLOW_LOOPBACK": "true"}
    with receiver(2 * total) as sink:
        app, people = stage.prepare(database_url, PEOPLE, 2, env)
        with app.app_context():
            for person in people:
                context.begin(Context(user=context.User(person.user_id, context.CUSTOMER, None, None)))
                webhook_endpoints.create(url=sink.url, event_types=["transaction.created"])
            began = time.perf_counter()
            for first in range(0, total, POSTED_AT_ONCE):
                _post(people, min(POSTED_AT_ONCE, total - first))
            print(f"{database}: {total:,} events stored in {time.perf_counter() - began:.0f} s")
        with _worker(env) as pid:
            began_ms = _processor_ms(pid)
            rate, sizes = _drain(sink, total, pid)
            processor_ms = _processor_ms(pid) - began_ms
            lags = _steady(app, people, sink, rate * STEADY_SHARE)
    cuts = statistics.quantiles(lags, n=100)
    name = f"{database}: {total:,} events, from the numbering to the answers of {PEOPLE} receivers"
    plan.rows.append(Row(name, "events/s", rate, 0, None))
    name = f"{database}: processor time of the worker for each event"
    plan.rows.append(Row(name, "ms", processor_ms / total, 0, None, note="does not depend on the load"))
    name = f"{database}: lag from the event's time to the answer, at {STEADY_SHARE:.0%} of this rate"
    plan.rows.append(Row(name, "events/s", rate * STEADY_SHARE, 0, None, cuts[49], cuts[98]))
    plan.rows.append(Row(f"{database}: worker after 10 %", "MB", sizes[0], 0, None))
    plan.rows.append(Row(f"{database}: worker after 100 %", "MB", sizes[1], sizes[0], None, note="at most 1.1"))


def _post(people: list[Person], count: int) -> None:
    accounts = [account for person in people for account in person.accounts]

    def post() -> None:
        locked = list(ledger.lock(ledger.names(accounts)).values())
        stage.post_deposits((locked * (count // len(locked) + 1))[:count], 1)

    db.run(post)


@contextmanager
def _worker(env: dict[str, str]) -> Iterator[int]:
    """Run the jobs that deliver events, as ``flask work`` does. Yields the process id."""
    only = [word for job in JOBS for word in ("--only", job)]
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "work", *only]
    environ = {**os.environ, **env, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL) as process:
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _drain(sink: Receiver, total: int, pid: int) -> tuple[float, list[float]]:
    """Wait until ``total`` messages were answered; return their number a second, and the worker's memory (MB) twice."""
    _wait_for(sink, 1)
    began = time.perf_counter()
    sizes = []
    for share in (0.1, 1.0):
        _wait_for(sink, round(total * share))
        sizes.append(_memory_mb(pid))
    return total / (time.perf_counter() - began), sizes


def _wait_for(sink: Receiver, count: int) -> None:
    last, changed_at = -1, time.monotonic()
    while sink.count.value < count:
        if sink.count.value != last:
            last, changed_at = sink.count.value, time.monotonic()
        if time.monotonic() - changed_at > STALLED_SECONDS:
            sys.exit(f"no message came for {STALLED_SECONDS} seconds; {last} of {count} had come")
        time.sleep(PAUSE_SECONDS)


def _steady(app: Flask, people: list[Person], sink: Receiver, rate: float) -> array[float]:
    """Post ``rate`` events a second for a while, and return the lag of each in milliseconds."""
    before = sink.count.value
    began = time.monotonic()
    posted = 0
    with app.app_context():
        while (passed := time.monotonic() - began) < STEADY_SECONDS:
            due = int(passed * rate) - posted
            if due:
                _post(people, due)
                posted += due
            time.sleep(PAUSE_SECONDS)
    _wait_for(sink, before + posted)
    return array("d", sink.lags_ms[before : before + posted])


def _processor_ms(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    """Return the resident memory (Rss) of a process."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) / 1024
    raise ValueError(f"process {pid} has no Rss")
