"""A worker that pauses while it expires holds, inside the transaction of the second account.

    python -m tests.support.pausing_worker SECONDS

It says "pausing" in its log, so that a test can kill or stop it in the middle of a job.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from flask.cli import ScriptInfo

from bankapp.repositories import authorizations
from wsgi import app

release_overdue = authorizations.release_overdue
calls: list[Any] = []


def release_and_pause(account_ids: Sequence[str], now: datetime) -> list[tuple[str, int]]:
    released = release_overdue(account_ids, now)
    calls.append(released)
    if len(calls) == 2:
        logging.getLogger(__name__).info("pausing")
        time.sleep(float(sys.argv[1]))
    return released


if __name__ == "__main__":
    authorizations.release_overdue = release_and_pause
    app.cli.main(
        args=["work", "--only", "expire_holds", "--lease-seconds", "2"], obj=ScriptInfo(create_app=lambda: app)
    )
