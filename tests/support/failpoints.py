"""Points of a request at which a test can stop or disturb it: before and after each statement and each COMMIT.

In a test's own process :func:`listen` calls a function at each point. For a server,

    gunicorn tests.support.failpoints:served()

serves the application with two more points, at the beginning and before the answer. The header ``X-Failpoint`` of a
request is the number of one of its points, or a name: there the worker is killed with SIGKILL. Just before that it
writes the name of the point to standard error. The application does not know of its points.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, Final

from flask import Flask
from sqlalchemy import Engine, event

from bankapp import create_app
from bankapp.extensions import db
from config import Config
from tests.support import clocks

TARGET: Final = "tests.support.failpoints:served()"
HEADER: Final = "X-Failpoint"
LEASE: Final = timedelta(milliseconds=50)
"""The lease of a claim on the served application: a retry takes over at once what a killed worker has left."""

_WRITES: Final = re.compile(r"(INSERT|UPDATE|DELETE)(?<!FOR UPDATE)(?<!KEY UPDATE) (?:INTO |FROM )?(?!SET)(\w+)")

Reach = Callable[[str], None]


def name_of(sql: str) -> str:
    """Return a short name of a statement: what it writes, or the first table that it reads."""
    written = [f"{verb} {table}" for verb, table in _WRITES.findall(sql)]
    if written:
        return ", ".join(written)
    table = re.search(r"FROM (\w+)", sql)
    return f"SELECT {table[1]}" if table else sql.split(maxsplit=1)[0]


def listen(engine: Engine, reach: Reach) -> Callable[[], None]:
    """Call ``reach`` with the name of each point, such as ``before COMMIT``; return a function that ends that.

    What ``reach`` raises takes the place of the statement's result.
    """

    def before(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        reach(f"before {name_of(sql)}")

    def after(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        reach(f"after {name_of(sql)}")

    do_commit = engine.dialect.do_commit

    def commit(connection: Any) -> None:
        if not _is_in_transaction(connection):
            do_commit(connection)
            return
        reach("before COMMIT")
        do_commit(connection)
        reach("after COMMIT")

    def end() -> None:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
        engine.dialect.do_commit = do_commit  # type: ignore[method-assign]

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    # SQLAlchemy's event for a commit comes before it only.
    engine.dialect.do_commit = commit  # type: ignore[method-assign]
    return end


def _is_in_transaction(connection: Any) -> bool:
    driver = getattr(connection, "driver_connection", connection)
    return bool(driver.in_transaction if hasattr(driver, "in_transaction") else driver.info.transaction_status)


class _Killer:
    """Kills its process at one point of a request: the point with this number, or the first with this name."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._reached = 0

    def reach(self, point: str) -> None:
        self._reached += 1
        if self._target in (str(self._reached), point):
            os.write(2, f"killed {point}\n".encode())
            os.kill(os.getpid(), signal.SIGKILL)


_killer: ContextVar[_Killer | None] = ContextVar("failpoints_killer", default=None)


def _reach(point: str) -> None:
    killer = _killer.get()
    if killer is not None:
        killer.reach(point)


def served() -> Flask:
    """Return the application with points at which a request can kill its worker.

    The variable ``CLOCK_OFF_SECONDS`` sets its clock wrong.
    """
    clocks.set_off_by(timedelta(seconds=int(os.environ.get("CLOCK_OFF_SECONDS", "0"))))
    app = create_app(Config.from_env().with_changes(idempotency_lease=LEASE))
    with app.app_context():
        listen(db.engine, _reach)
    serve = app.wsgi_app

    def wsgi_app(environ: Any, start_response: Any) -> Iterable[bytes]:
        target = environ.get("HTTP_X_FAILPOINT")
        if target is None:
            return serve(environ, start_response)
        token = _killer.set(_Killer(target))
        try:
            _reach("begin")
            answer = serve(environ, start_response)
            _reach("before the answer")
            return answer
        finally:
            _killer.reset(token)

    app.wsgi_app = wsgi_app  # type: ignore[method-assign]
    return app
