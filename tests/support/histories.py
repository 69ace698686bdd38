"""Long histories, posted by the ledger in large transactions."""

from __future__ import annotations

from typing import Any

from flask import Flask

from bankapp import db
from bankapp.services import ledger

# PostgreSQL keeps every version of the account's row until the transaction ends, and scans them all.
BATCHES = {"sqlite": 5_000, "postgresql": 200}


def load(app: Flask, account: dict[str, Any], count: int) -> None:
    """Post ``count`` movements on ``account``: deposits of 200 and, after each, a withdrawal of 100."""

    def batch(first: int, last: int) -> None:
        locked = ledger.lock(ledger.names([account["id"]]))[account["id"]]
        ledger.post(
            [
                ledger.movement("withdrawal", locked, 100, account["currency"], f"Lunch {number}")
                if number % 2
                else ledger.movement("deposit", locked, 200, account["currency"], None)
                for number in range(first, last)
            ]
        )

    with app.app_context():
        size = BATCHES["sqlite" if db.is_sqlite() else "postgresql"]
        for first in range(0, count, size):
            last = min(first + size, count)
            db.run(lambda first=first, last=last: batch(first, last))
