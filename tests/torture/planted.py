"""The application with one bug planted in it, chosen by the variable PLANT; gunicorn loads ``app`` from here.

A bug either changes what the application is asked or answers, or damages rows by raw SQL after an answer, with the
triggers dropped meanwhile (SQLite).
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

from bankapp import create_app
from tests.support.raw_sql import drop_guards

PATH = os.environ.get("DATABASE_URL", "").removeprefix("sqlite:///")
EVERY = 10

Call = Callable[[dict[str, Any]], tuple[str, list[tuple[str, str]], bytes]]


def forgotten_key(environ: dict[str, Any], call: Call) -> Any:
    environ.pop("HTTP_IDEMPOTENCY_KEY", None)
    return call(environ)


def double_apply(environ: dict[str, Any], call: Call) -> Any:
    if _is_turn(environ, "/v1/transfers"):
        # The description, which is the operation's mark, stays the same.
        call(
            {
                **environ,
                "HTTP_IDEMPOTENCY_KEY": environ["HTTP_IDEMPOTENCY_KEY"] + "-again",
                "wsgi.input": io.BytesIO(environ["body"]),
            }
        )
    return call(environ)


def stale_read(environ: dict[str, Any], call: Call) -> Any:
    if environ["REQUEST_METHOD"] != "GET" or environ["PATH_INFO"] != "/v1/transactions":
        return call(environ)
    # A page of a list in the final observation has another query than the reads of clients.
    name = environ["QUERY_STRING"] + environ["HTTP_AUTHORIZATION"]
    if "limit=3" in name:
        return _cache.setdefault(name, call(environ))
    return call(environ)


def dropped_row(environ: dict[str, Any], call: Call) -> Any:
    answer = call(environ)
    if (done := _posted(environ, answer, "/v1/transactions")) is not None:
        with _unguarded() as database:
            database.execute("DELETE FROM transactions WHERE id = ?", [done["id"]])
    return answer


def one_sided_leg(environ: dict[str, Any], call: Call) -> Any:
    answer = call(environ)
    if (done := _posted(environ, answer, "/v1/transfers")) is not None:
        with _unguarded() as database:
            statement = "DELETE FROM transactions WHERE transfer_id = ? AND type = 'transfer_in'"
            database.execute(statement, [done["id"]])
    return answer


def lost_update(environ: dict[str, Any], call: Call) -> Any:
    answer = call(environ)
    if (done := _posted(environ, answer, "/v1/transfers")) is not None:
        with _unguarded() as database:
            statement = "UPDATE accounts SET balance = balance - ? WHERE id = ?"
            database.execute(statement, [done["amount"], done["to_account_id"]])
    return answer


def missing_audit_row(environ: dict[str, Any], call: Call) -> Any:
    answer = call(environ)
    if _posted(environ, answer, "/v1/transfers") is not None:
        with _unguarded() as database:
            database.execute("DELETE FROM audit_logs WHERE request_id = ?", [environ["HTTP_X_REQUEST_ID"]])
    return answer


PLANTS = {
    plant.__name__: plant
    for plant in (
        forgotten_key,
        double_apply,
        stale_read,
        dropped_row,
        one_sided_leg,
        lost_update,
        missing_audit_row,
    )
}

_cache: dict[str, Any] = {}
_turns = itertools.count(1)


def _is_turn(environ: dict[str, Any], path: str) -> bool:
    return (environ["REQUEST_METHOD"], environ["PATH_INFO"]) == ("POST", path) and next(_turns) % EVERY == 0


def _posted(environ: dict[str, Any], answer: tuple[str, Any, bytes], path: str) -> Any:
    """Return the JSON of an answer to a successful POST whose turn it is, or None."""
    is_success = answer[0].startswith("201") and not any(name == "Idempotent-Replayed" for name, _ in answer[1])
    return json.loads(answer[2]) if is_success and _is_turn(environ, path) else None


@contextlib.contextmanager
def _unguarded() -> Iterator[sqlite3.Connection]:
    """Yield a transaction without triggers, CHECKs and foreign keys; the triggers come back with its commit."""
    with contextlib.closing(sqlite3.connect(PATH, isolation_level=None, timeout=10)) as database:
        database.execute("PRAGMA foreign_keys = OFF")
        database.execute("BEGIN IMMEDIATE")
        triggers = database.execute("SELECT sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        drop_guards(database.execute, "sqlite")
        yield database
        for (statement,) in triggers:
            database.execute(statement)
        database.execute("COMMIT")


class Planted:
    """A WSGI application around the real one."""

    def __init__(self) -> None:
        self._app = create_app()
        self._plant = PLANTS[os.environ["PLANT"]]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._app, name)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ["body"] = environ["wsgi.input"].read()
        environ["wsgi.input"] = io.BytesIO(environ["body"])
        status, headers, body = self._plant(environ, self._call)
        start_response(status, headers)
        return [body]

    def _call(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        begun: list[Any] = []
        answer = self._app(environ, lambda status, headers, _=None: begun.extend((status, headers)))
        with contextlib.closing(answer) if hasattr(answer, "close") else contextlib.nullcontext():
            return begun[0], begun[1], b"".join(answer)


app = Planted() if "PLANT" in os.environ else None
