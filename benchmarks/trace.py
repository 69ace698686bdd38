"""``make trace``: counts the calls, functions, files and file changes of one warm request.

Only own calls are counted: calls of functions whose code is in ``bankapp/``, as ``sys.setprofile`` reports them in the
thread that serves the request. Each request is sent several times first, so that caches are filled, connections are
open and modules are imported. The columns:

- calls: own call events. Resuming a generator is a call event, too.
- functions: distinct own code objects. A lambda counts as a function, and so does a comprehension with its own frame.
- files: distinct files of these functions.
- file changes: own call events whose file differs from that of the previous own call event. Returns do not count.
- frames from view to SQL: for each statement that the view sends, in order, the number of own frames between the view
  function and the driver. A statement is a call of the driver: a method named ``execute`` or ``executemany`` of a
  cursor or connection of ``sqlite3`` or ``psycopg``.

The trace uses ``create_app``, Flask's test client and ``benchmarks/stage.py``, but no internals of the service.
"""

from __future__ import annotations

import itertools
import sqlite3
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from types import CodeType, FrameType
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from benchmarks import stage
from benchmarks.stage import PASSWORD, Person
from tests.support.postgres import PostgresServer

OWN = f"{stage.ROOT}/bankapp/"
WARM_UP_REQUESTS = 3
SQL_METHODS = ("execute", "executemany")
HEADER = "| Request | Database | calls | functions | files | file changes | frames from view to SQL |"
RULE = "|---|---|--:|--:|--:|--:|---|"


@dataclass
class Trace:
    """Counts the own calls between :meth:`start` and :meth:`stop`; ``view`` is the code of the view function."""

    view: CodeType
    calls: list[CodeType] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)

    def start(self) -> None:
        """Start counting in this thread."""
        sys.setprofile(self._see)

    def stop(self) -> None:
        """Stop counting."""
        sys.setprofile(None)

    @property
    def functions(self) -> int:
        """The number of distinct own functions called."""
        return len(set(self.calls))

    @property
    def files(self) -> int:
        """The number of distinct own files called into."""
        return len({code.co_filename for code in self.calls})

    @property
    def file_changes(self) -> int:
        """The number of own calls into another file than the previous own call."""
        names = [code.co_filename for code in self.calls]
        return sum(before != after for before, after in itertools.pairwise(names))

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            if is_own(frame.f_code):
                self.calls.append(frame.f_code)
            elif frame.f_code.co_name in SQL_METHODS and "/psycopg/cursor.py" in frame.f_code.co_filename:
                self._statement(frame)
        elif event == "c_call" and argument.__name__ in SQL_METHODS and is_of_sqlite(argument):
            self._statement(frame)

    def _statement(self, frame: FrameType | None) -> None:
        """Record the number of own frames from below the view to ``frame``. Ignore statements outside of the view."""
        depth = 0
        while frame is not None:
            if frame.f_code is self.view:
                self.depths.append(depth)
                return
            depth += is_own(frame.f_code)
            frame = frame.f_back


def is_own(code: CodeType) -> bool:
    """Tell whether the code is in ``bankapp/``."""
    return code.co_filename.startswith(OWN)


def is_of_sqlite(function: Any) -> bool:
    """Tell whether a C function is a method of a connection or cursor of ``sqlite3``."""
    return isinstance(getattr(function, "__self__", None), sqlite3.Connection | sqlite3.Cursor)


@dataclass(frozen=True)
class Request:
    """A request to trace. ``body`` is JSON. If ``keyed``, each repetition gets a new Idempotency-Key."""

    method: str
    path: str
    status: int
    token: str = ""
    body: dict[str, Any] | None = None
    keyed: bool = False
    rule: str = ""

    def send(self, client: FlaskClient) -> None:
        """Send the request once. Raises AssertionError if the status is not the expected one."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if self.keyed:
            headers["Idempotency-Key"] = str(uuid.uuid4())
        answer = client.open(self.path, method=self.method, json=self.body, headers=headers)
        assert answer.status_code == self.status, answer.text


def requests(people: list[Person]) -> list[Request]:
    """Return the requests to trace. ``people`` must be two people with accounts."""
    sender, receiver = people
    order = {"from_account_id": sender.accounts[0], "to_account_id": receiver.accounts[0]}
    order |= {"amount": 1, "currency": "EUR"}
    account = f"/v1/accounts/{sender.accounts[0]}"
    sign_in = {"email": "bench-0@example.com", "password": PASSWORD}
    return [
        Request("POST", "/v1/transfers", 201, sender.token, order, keyed=True),
        Request("GET", account, 200, sender.token, rule="/v1/accounts/{id}"),
        Request("POST", "/v1/auth/login", 200, body=sign_in),
    ]


def trace(app: Flask, request: Request) -> Trace:
    """Send ``request`` WARM_UP_REQUESTS times, then trace it once."""
    client = app.test_client()
    for _ in range(WARM_UP_REQUESTS):
        request.send(client)
    counts = Trace(view_code(app, request))
    counts.start()
    try:
        request.send(client)
    finally:
        counts.stop()
    return counts


def view_code(app: Flask, request: Request) -> CodeType:
    """Return the code of the view function that serves ``request``, without its decorators."""
    endpoint, _ = app.url_map.bind("localhost").match(request.path, method=request.method)
    view: Any = app.view_functions[endpoint]
    return innermost(view).__code__


def innermost(function: Any) -> Any:
    """Return the function inside all decorators that use ``functools.wraps``."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function


def row(database: str, request: Request, traced: Trace) -> str:
    """Return a row of the Markdown table."""
    depths = ", ".join(map(str, traced.depths)) or "–"
    counts = f"{len(traced.calls)} | {traced.functions} | {traced.files} | {traced.file_changes}"
    return f"| {request.method} {request.rule or request.path} | {database} | {counts} | {depths} |"


def rows(database: str, url: str) -> list[str]:
    """Prepare the database of ``url``, trace each request on it and return the rows of the table."""
    app, people = stage.prepare(url, 2, 1)
    return [row(database, request, trace(app, request)) for request in requests(people)]


def main() -> None:
    """Print the table for both databases."""
    with tempfile.TemporaryDirectory() as folder:
        lines = rows("SQLite", f"sqlite:///{folder}/trace.sqlite3")
    server = PostgresServer().start()
    try:
        lines += rows("PostgreSQL", server.create_database("trace"))
    finally:
        server.stop()
    # Printed after all requests, so that no log lines of the application are within the table.
    print("", HEADER, RULE, *lines, sep="\n")


if __name__ == "__main__":
    main()
