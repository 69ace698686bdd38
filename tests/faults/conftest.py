"""Databases and applications of one dialect, for faults of that dialect."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.databases import ROLE, application, settings
from tests.support.factories import Bank
from tests.support.postgres import SUPERUSER, PostgresServer


@pytest.fixture
def postgres_url(postgres: PostgresServer, postgres_template: str) -> str:
    """A migrated PostgreSQL database for one test."""
    return postgres.create_database(f"bank_{uuid.uuid4().hex}", template=postgres_template)


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A migrated SQLite file for one test."""
    return f"sqlite:///{shutil.copyfile(sqlite_template, tmp_path / 'bank.sqlite3')}"


@pytest.fixture
def admin(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A superuser's connection beside those of the application, in autocommit."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def bank_on() -> Iterator[Callable[..., Bank]]:
    """Return a function that makes a bank on a database, with as many connections as a test needs.

    On PostgreSQL the bank connects under the role of the application.
    """
    with ExitStack() as stack:

        def make(url: str, *, threads: int = 8, **changes: Any) -> Bank:
            config = settings(url.replace(f"//{SUPERUSER}@", f"//{ROLE}@"))
            return Bank(stack.enter_context(application(config.with_changes(web_threads=threads, **changes))))

        yield make
