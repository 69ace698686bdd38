"""The statements that the application sends to its database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from flask import Flask
from sqlalchemy import event

from bankapp.extensions import db


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """Collect the executed statements until the block ends; a statement with many rows counts once for each row."""
    executed: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, many: bool) -> None:
        executed.extend([statement] * (len(parameters) if many else 1))

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield executed
    finally:
        event.remove(engine, "before_cursor_execute", note)


@contextmanager
def before_statement(app: Flask, part: str, act: Callable[[], object]) -> Iterator[None]:
    """Run ``act`` once, in another thread, before the first statement that contains ``part``."""
    others: list[Thread] = []

    def meanwhile(_connection: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if part in sql and not others:
            others.append(Thread(target=act))
            others[0].start()
            others[0].join()

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", meanwhile)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", meanwhile)
    assert others
