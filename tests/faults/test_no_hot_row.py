"""Deposits into different accounts do not wait for each other: the bank's cash account is no hot row."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread
from typing import Any

import psycopg

from bankapp import db
from bankapp.services import ledger
from tests.support.books import faults
from tests.support.factories import Bank
from tests.support.servers import at_once

Json = dict[str, Any]
# Counts waits for a row lock of another transaction. A wait for the extension of a table's file does not count.
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
    " AND wait_event_type = 'Lock' AND wait_event IN ('transactionid', 'tuple')"
)


class OpenDeposit:
    """A deposit that is posted but not committed until the block ends."""

    def __init__(self, bank: Bank, account: Json) -> None:
        self._bank = bank
        self._account = account
        self._posted, self._released = Event(), Event()
        self._thread = Thread(target=self._deposit)

    def _deposit(self) -> None:
        def post() -> None:
            [account] = ledger.lock(ledger.names([self._account["id"]])).values()
            ledger.post([ledger.movement("deposit", account, 10, "EUR", None)])
            self._posted.set()
            self._released.wait(30)

        with self._bank.app.app_context():
            db.run(post)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._posted.wait(10)

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._thread.join()


def test_deposits_do_not_wait_for_an_open_deposit(
    bank_on: Callable[..., Bank], postgres_url: str, admin: psycopg.Connection[Any]
) -> None:
    bank = bank_on(postgres_url, threads=64)
    ada = bank.customer()
    first, *others = [ada.account() for _ in range(64)]
    samples: list[int] = []
    done = Event()

    def watch() -> None:
        while not done.wait(0.002):
            row = admin.execute(WAITING).fetchone()
            assert row
            samples.append(row[0])

    watcher = Thread(target=watch)
    with OpenDeposit(bank, first):
        watcher.start()
        replies = at_once([lambda account=account: ada.move(account, 10, "deposit") for account in others])  # type: ignore[misc]  # bound now, not when called
        done.set()
        watcher.join()
        assert [reply.status_code for reply in replies] == [201] * 63
        assert ada.balance(first) == 0
    assert max(samples) == 0, f"waiting in {len(samples)} samples: {samples}"
    assert len(samples) > 5
    assert ada.balance(first) == 10
    assert faults(bank.app, ignored_rule="audit") == []
