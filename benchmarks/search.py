"""``make bench-search``: the time of a search in the history of a user with very many transactions.

Each figure is the median time of a whole request inside of one process, beside that of a plain page of the history.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text, update

from bankapp import clock, db, ids
from bankapp.extensions import db as extension
from bankapp.models import Account
from bankapp.repositories import postings
from bankapp.services import search_index
from benchmarks import stage
from benchmarks.stage import Person
from tests.support.postgres import PostgresServer

BATCH: Final = 1_000
REPEATS: Final = 30

QUESTIONS: Final = {
    "a plain page": {},
    "a word of every transaction": {"q": "groceries"},
    "the beginning of that word": {"q": "groc"},
    "a word of 1 in 30": {"q": "rent"},
    "a word of 1 in 100,000": {"q": "zeppelin"},
    "a word of none": {"q": "lighthouse"},
    "a word of none and a word of every one": {"q": "lighthouse groceries"},
    "a rare and a frequent word": {"q": "zeppelin groceries"},
    "two frequent words": {"q": "rent groceries"},
    "the beginning of 200 words, 1 in 10": {"q": "mar"},
    "the beginning of 1,000 references": {"q": "rf0001"},
    "the beginning of all references": {"q": "rf0"},
    "the counterparty of every transaction": {"counterparty": "cash"},
}


def main() -> None:
    """Parse the command line and measure on the databases that it names."""
    parser = argparse.ArgumentParser(prog="benchmarks.search", description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000, help="how many transactions the user has")
    parser.add_argument("--only", choices=("sqlite", "postgresql"), help="one database instead of both")
    given = parser.parse_args()
    for name in [given.only] if given.only else ["sqlite", "postgresql"]:
        with _database(name) as url:
            app, [person] = stage.prepare(url, 1, 1)
            print(f"{name}: {given.count} transactions", flush=True)
            with app.app_context():
                _timed("loaded", partial(_load, person.empty[0], given.count))
                _timed("indexed", _index)
                if not db.is_sqlite():
                    db.run(_analyze)
            _measure(app, person)
            with app.app_context():
                extension.engine.dispose()


@contextmanager
def _database(name: str) -> Iterator[str]:
    if name == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'bank.sqlite3'}"
        return
    server = PostgresServer()
    server.start(durable=True)
    try:
        yield server.create_database("search")
    finally:
        server.stop()


def _timed(what: str, work: Callable[[], None]) -> None:
    start = time.monotonic()
    work()
    print(f"  {what} in {time.monotonic() - start:.0f} s", flush=True)


def _load(account_id: str, count: int) -> None:
    """Store deposits without the triggers of the ledger, which would take ten times as long."""
    for table in ("transactions", "accounts"):
        _drop_triggers(table)
    posting_id = db.value(text("SELECT posting_id FROM transactions LIMIT 1"))
    for first in range(0, count, BATCH):
        rows = [_row(account_id, str(posting_id), number) for number in range(first, min(first + BATCH, count))]
        db.run(partial(postings.add, {"transactions": rows}))
    values = {"sequence": count, "balance": count, "last_posted_at": clock.now()}
    db.run(lambda: db.change(update(Account).where(Account.id == account_id).values(values)))


def _drop_triggers(table: str) -> None:
    if not db.is_sqlite():
        db.run(lambda: db.change(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL")))
        return
    query = text("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = :table").bindparams(table=table)
    for row in db.rows(query):
        db.run(partial(db.change, text(f"DROP TRIGGER {row.name}")))


def _row(account_id: str, posting_id: str, number: int) -> dict[str, Any]:
    return {
        "id": ids.new(),
        "account_id": account_id,
        "posting_id": posting_id,
        "transfer_id": None,
        "type": "deposit",
        "direction": 1,
        "amount": 1,
        "currency": "EUR",
        "sequence": number + 1,
        "balance_after": number + 1,
        "description": _text(number),
        "created_at": clock.now(),
        "counterparty_name": "Cash",
        "counterparty_account_number": None,
        "reference": f"RF{number:07}",
        "end_to_end_id": None,
    }


def _text(number: int) -> str:
    words = ["Groceries", f"week {number % 52}"]
    if number % 30 == 0:
        words.append("Rent")
    if number % 10 == 0:
        words.append(f"mar{number // 10 % 200:03}")
    if number % 100_000 == 50_000:
        words.append("Zeppelin")
    return " ".join(words)


def _index() -> None:
    while search_index.index():
        pass


def _analyze() -> None:
    db.change(text("SET LOCAL statement_timeout = 0"))
    db.change(text("ANALYZE"))


def _measure(app: Flask, person: Person) -> None:
    client = app.test_client()
    plain = 0.0
    for name, query in QUESTIONS.items():
        took = _time(client, person, query)
        plain = plain or took
        print(f"  {name:45} {took * 1000:8.1f} ms {took / plain:6.1f} ×", flush=True)


def _time(client: FlaskClient, person: Person, query: dict[str, str]) -> float:
    path = f"/v1/transactions?{urlencode(query)}"
    headers = {"Authorization": f"Bearer {person.token}"}
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        answer = client.get(path, headers=headers)
        times.append(time.perf_counter() - start)
        if answer.status_code != 200:
            sys.exit(f"{path}: {answer.status_code} {answer.get_data(as_text=True)}")
    return statistics.median(times)


if __name__ == "__main__":
    main()
