"""Prepares a measurement: a database, people with accounts, and servers."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from flask import Flask
from flask_migrate import upgrade
from sqlalchemy import text

from bankapp import clock, context, create_app, db, ids
from bankapp.api.security import token_pair
from bankapp.cli import use_migrations
from bankapp.context import Context
from bankapp.extensions import db as extension
from bankapp.repositories import audit_logs
from bankapp.services import account_holders, accounts, ledger
from bankapp.services.identity import auth, passwords
from config import Config

ROOT = Path(__file__).resolve().parent.parent
PASSWORD = "violet-otter-sings-17"
SECRET = "benchmarks-only-" * 3
START = 10**9


@dataclass
class Person:
    """A user with a token, funded accounts in EUR, and two empty accounts for histories."""

    user_id: str
    token: str
    accounts: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)


def environment(database_url: str) -> dict[str, str]:
    """Return the production settings of every server in a measurement."""
    return {
        "BANKAPP_ENV": "production",
        "DATABASE_URL": database_url,
        "JWT_SECRET": SECRET,
        "LOG_LEVEL": "INFO",
        "RATELIMIT_ENABLED": "false",
        "DRAIN_SECONDS": "0",
    }


def prepare(
    database_url: str, people: int, accounts_each: int, env: dict[str, str] | None = None
) -> tuple[Flask, list[Person]]:
    """Migrate the database and open ``people`` × ``accounts_each`` funded accounts. ``env`` replaces the environment.

    The access tokens are as long-lived as a session, so that they outlive the run.
    """
    config = Config.from_env(env or environment(database_url)).with_changes(bcrypt_rounds=4, log_level="WARNING")
    app = create_app(config.with_changes(access_token_lifetime=config.session_lifetime))
    use_migrations(app)
    with app.app_context():
        upgrade()
        found = [_person(number, accounts_each) for number in range(people)]
        if not db.is_sqlite():
            _reference(found)
    return app, found


def _person(number: int, accounts_each: int) -> Person:
    email = f"bench-{number}@example.com"
    context.begin(Context())
    user = db.run(lambda: auth.create_user(email, passwords.hashed(PASSWORD), context.CUSTOMER))
    grant = auth.login(email, PASSWORD)
    context.begin(Context(user=context.User(user.id, user.role, grant.session_id, grant.jti)))
    account_holders.create("Bench", f"Number {number}", date(1990, 1, 1))
    mine = [accounts.open("checking", "EUR").id for _ in range(accounts_each)]

    def fund() -> None:
        post_deposits(list(ledger.lock(ledger.names(mine)).values()), START)

    db.run(fund)
    empty = [accounts.open("checking", "EUR").id for _ in range(2)]
    return Person(user.id, token_pair(grant)["access_token"], mine, empty)


def post_deposits(accounts: list[ledger.AccountState], amount: int) -> None:
    """Deposit ``amount`` on each account, in one posting each, with the audit rows that the verification needs."""
    now = clock.now()
    posted = ledger.post([ledger.movement("deposit", account, amount, "EUR", "bench") for account in accounts])
    rows = [
        {
            "id": ids.new(),
            "event_type": "deposit",
            "resource_type": "transaction",
            "resource_id": one.transactions[0].id,
            "status": "success",
            "metadata": {"amount": amount, "currency": "EUR"},
            "created_at": now,
            "finished_at": now,
        }
        for one in posted
        if isinstance(one, ledger.Posted)
    ]
    assert len(rows) == len(accounts)
    for row in rows:
        audit_logs.add(row)


def _reference(people: list[Person]) -> None:
    rows = [(person.user_id, account) for person in people for account in person.accounts]
    with extension.engine.connect() as connection:
        script = (ROOT / "benchmarks/reference.sql").read_text()
        connection.execution_options(no_parameters=True).exec_driver_sql(script)
    with extension.engine.connect() as connection:
        for number, (user_id, account) in enumerate(rows, 1):
            statement = text("INSERT INTO bench_accounts (n, id, user_id) VALUES (:n, :id, :user_id)")
            connection.execute(statement, {"n": number, "id": account, "user_id": user_id})


def free_port() -> int:
    """Return a port of 127.0.0.1 that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def gunicorn(target: str, extra: dict[str, str], *, config: bool = True) -> Iterator[tuple[str, int]]:
    """Serve ``target`` with the production settings. Yields its URL and the master's process id."""
    port = free_port()
    command = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", target]
    if not config:
        command += ["--config", "/dev/null", "--workers", extra["WEB_CONCURRENCY"]]
    env = {**os.environ, **extra, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(port, server)
            yield f"http://127.0.0.1:{port}", server.pid
        finally:
            server.send_signal(signal.SIGTERM)
            server.wait(30)


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if server.poll() is not None:
            raise SystemExit(f"the server ended with {server.returncode}")
        try:
            with socket.create_connection(("127.0.0.1", port), 1):
                return
        except OSError:
            time.sleep(0.05)
    raise SystemExit("the server did not start")


def worker_memory_mb(master: int) -> list[float]:
    """Return the resident memory (Rss) of each worker of a gunicorn master, in MB."""
    children = Path(f"/proc/{master}/task/{master}/children").read_text().split()
    sizes = []
    for child in children:
        for line in Path(f"/proc/{child}/smaps_rollup").read_text().splitlines():
            if line.startswith("Rss:"):
                sizes.append(int(line.split()[1]) / 1024)
    return sizes


def get(url: str, token: str) -> Any:
    """Send a GET to ``url`` and return the body. Raises HTTPError for any status but 2xx."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read()
