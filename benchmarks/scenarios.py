"""The scenarios. Each is measured in turns with its reference, in the same minutes."""

from __future__ import annotations

import json
import random
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from bankapp import clock, db
from bankapp.services import ledger
from benchmarks import stage
from benchmarks.load import Load, Outcome
from benchmarks.stage import Person

HERE = Path(__file__).parent


@dataclass
class Row:
    """One row of the table: the service's figure, the reference's figure, and their ratio."""

    name: str
    unit: str
    service: float
    reference: float
    target: float | None
    p50_ms: float | None = None
    p99_ms: float | None = None
    errors: int = 0
    note: str = ""

    @property
    def ratio(self) -> float:
        """The service's figure divided by the reference's. Above 1 the service does more."""
        return self.service / self.reference if self.reference else 0.0


@dataclass
class Plan:
    """The duration and the number of measurements, and their rows."""

    clients: int = 8
    seconds: float = 5
    repeats: int = 3
    warm_up_seconds: float = 2
    rows: list[Row] = field(default_factory=list)

    def interleaved(self, *sides: Callable[[float], Outcome]) -> list[list[Outcome]]:
        """Run all sides in turn, ``repeats`` times after a warm-up. Return the outcomes of each side."""
        for side in sides:
            side(self.warm_up_seconds)
        rounds = [[side(self.seconds) for side in sides] for _ in range(self.repeats)]
        return [[one[place] for one in rounds] for place in range(len(sides))]


def median(outcomes: list[Outcome], figure: Callable[[Outcome], float] = lambda outcome: outcome.rate) -> float:
    """Return the median of a figure over the repeats."""
    return statistics.median(figure(outcome) for outcome in outcomes)


def transfers(people: list[Person], *, hot: bool = False, reference: bool = False) -> Load:
    """Return single transfers between random accounts, or all to one account."""
    accounts = [account for person in people for account in person.accounts]
    hot_account = accounts[0]
    requests = []
    for person in people:
        for source in person.accounts:
            if hot and source == hot_account:
                continue
            target = hot_account if hot else random.choice([one for one in accounts if one != source])
            body: dict[str, Any] = {"from_account_id": source, "to_account_id": target, "amount": 1}
            body |= {"user_id": person.user_id} if reference else {"currency": "EUR"}
            requests.append(_request("POST", "/v1/transfers", person, body))
    return Load(requests)


def batches(people: list[Person], size: int) -> Load:
    """Return batches of ``size`` transfers, each batch from one person's accounts to random accounts."""
    accounts = [account for person in people for account in person.accounts]
    requests = []
    for person in people:
        items = []
        for _ in range(size):
            source = random.choice(person.accounts)
            target = random.choice([one for one in accounts if one != source])
            items.append({"from_account_id": source, "to_account_id": target, "amount": 1, "currency": "EUR"})
        requests.append(_request("POST", "/v1/transfers/batch", person, {"transfers": items}))
    return Load(requests)


def _request(method: str, path: str, person: Person, body: Any = None) -> dict[str, Any]:
    return {"method": method, "path": path, "token": person.token, "body": body, "key": method == "POST"}


def reads(people: list[Person], path: Callable[[str], str]) -> Load:
    """Return one GET for each account. ``path`` makes its path from the account's id."""
    return Load([_request("GET", path(account), person) for person in people for account in person.accounts])


def pgbench(  # noqa: PLR0917 - the parameters are in the order of pgbench's command line
    binary: str, dsn: str, script: str, accounts: int, clients: int, seconds: float
) -> Outcome:
    """Run R1: pgbench sends one SQL statement for each transfer."""
    command = [
        binary, "-n", "-c", str(clients), "-j", "1", "-T", str(max(1, round(seconds))),
        "-D", f"accounts={accounts}", "-f", str(HERE / script), "-l", "--log-prefix", "pgbench", dsn,
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder)
        latencies = [
            int(line.split()[2]) / 1000
            for log in Path(folder).glob("pgbench.*")
            for line in log.read_text().splitlines()
        ]
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    assert found, done.stdout
    cuts = statistics.quantiles(latencies, n=100)
    return Outcome(float(found[1]), cuts[49], cuts[98], 0, len(latencies))


def load_history(app: Flask, account_id: str, count: int) -> float:
    """Post ``count`` transactions on an account through the ledger, 1,000 a month. Return their number a second."""
    months = count // 1000
    latest = clock.now().year * 12 + clock.now().month - 2
    started = time.perf_counter()
    with app.app_context():
        for month in range(latest - months + 1, latest + 1):
            with clock.at(datetime(month // 12, month % 12 + 1, 15, tzinfo=UTC)):
                db.run(lambda: _thousand(account_id))
    return count / (time.perf_counter() - started)


def last_month() -> str:
    """Return the query for a statement of last month, which has the latest 1,000 transactions."""
    last = clock.now().date().replace(day=1) - timedelta(days=1)
    return f"from={last.replace(day=1)}&to={last}"


def _thousand(account_id: str) -> None:
    account = ledger.lock(ledger.names([account_id]))[account_id]
    stage.post_deposits([account] * 1000, 1)


def latencies_ms(urls: list[str], token: str, repeats: int = 60) -> list[float]:
    """Send GETs to the URLs in turn. Return the median latency of each URL in milliseconds."""
    times: list[list[float]] = [[] for _ in urls]
    for _ in range(repeats):
        for url, taken in zip(urls, times, strict=True):
            started = time.perf_counter()
            stage.get(url, token)
            taken.append((time.perf_counter() - started) * 1000)
    return [statistics.median(taken) for taken in times]


def deep_cursor(url: str, token: str, account_id: str, pages: int) -> str:
    """Read ``pages`` pages of 100 transactions and return the cursor after them."""
    cursor = ""
    for _ in range(pages):
        found = json.loads(stage.get(f"{url}/v1/transactions?account_id={account_id}&limit=100{cursor}", token))
        if not found["next_cursor"]:
            break
        cursor = f"&cursor={found['next_cursor']}"
    return cursor
