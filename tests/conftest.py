"""Fixtures: every test with the fixture ``app`` runs twice, on SQLite and on PostgreSQL."""

from __future__ import annotations

import functools
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

from tests.support.databases import OWNER, ROLE, application, create_bank, migrate, settings
from tests.support.factories import Bank
from tests.support.handwritten import Books, make_books
from tests.support.postgres import PostgresServer
from tests.support.raw_sql import RawSql
from tests.support.servers import GunicornServer, RemoteBank

DIALECTS = ("sqlite", "postgresql")


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Replace pytest-flask's fixture, whose request context would share one ``g`` between all calls of a test."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "bank.sqlite3"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    create_bank(postgres, "bank_template")
    return "bank_template"


@pytest.fixture(scope="session", params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def new_database(
    dialect: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Return a function that makes an empty, migrated database and returns its URL."""

    def create() -> str:
        if dialect == "sqlite":
            path = tmp_path_factory.mktemp("database") / "bank.sqlite3"
            shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
            return f"sqlite:///{path}"
        server = request.getfixturevalue("postgres")
        template = request.getfixturevalue("postgres_template")
        name = f"bank_{uuid.uuid4().hex}"
        server.create_database(name, template=template)
        return str(server.url(name, ROLE))

    return create


@pytest.fixture(scope="session")
def app(new_database: Callable[[], str]) -> Iterator[Flask]:
    """An application on a database that all tests of one dialect share, so each test makes its own users."""
    with application(settings(new_database())) as made:
        yield made


@pytest.fixture
def fresh_app(new_database: Callable[[], str]) -> Iterator[Flask]:
    """An application on a new database, for tests that read all rows or damage something."""
    with application(settings(new_database())) as made:
        yield made


@pytest.fixture(scope="session")
def owner_url(app: Flask, dialect: str, request: pytest.FixtureRequest) -> str:
    """Return the URL of the database of ``app`` for the owner of its tables, whom only triggers and CHECKs limit."""
    url: str = app.config["SQLALCHEMY_DATABASE_URI"]
    if dialect == "sqlite":
        return url
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.url(urlsplit(url).path.strip("/"), OWNER)


@pytest.fixture(scope="session")
def raw_sql(dialect: str, request: pytest.FixtureRequest) -> Callable[..., RawSql]:
    """Return :meth:`RawSql.to` for this dialect: raw connections to the database of an application."""
    return functools.partial(RawSql.to, request.getfixturevalue("postgres") if dialect == "postgresql" else None)


@pytest.fixture(scope="module")
def books(app: Flask, raw_sql: Callable[..., RawSql]) -> Iterator[Books]:
    """Books that the tests of one file change by raw SQL, as the superuser on PostgreSQL."""
    with raw_sql(app) as raw:
        yield make_books(Bank(app), raw)


@pytest.fixture
def make_app() -> Iterator[Callable[..., Flask]]:
    """Return a function that makes an application on a database URL, with these environment variables."""
    with ExitStack() as stack:
        yield lambda database_url, **environ: stack.enter_context(application(settings(database_url, **environ)))


@pytest.fixture
def bank(app: Flask) -> Bank:
    return Bank(app)


@pytest.fixture
def fresh_bank(fresh_app: Flask) -> Bank:
    return Bank(fresh_app)


@pytest.fixture(scope="session")
def server(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    """The application under gunicorn, on a database that all tests of one dialect share."""
    with GunicornServer(new_database(), tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def remote_bank(server: GunicornServer) -> Iterator[RemoteBank]:
    with _served_by(server) as bank:
        yield bank


@pytest.fixture
def fresh_server(new_database: Callable[[], str], tmp_path: Path) -> Iterator[GunicornServer]:
    """A server on a new database, for tests that stop it or damage something."""
    with GunicornServer(new_database(), tmp_path, WEB_CONCURRENCY="2") as running:
        yield running


@pytest.fixture
def fresh_remote_bank(fresh_server: GunicornServer) -> Iterator[RemoteBank]:
    with _served_by(fresh_server) as bank:
        yield bank


@contextmanager
def _served_by(server: GunicornServer) -> Iterator[RemoteBank]:
    with application(settings(server.database_url)) as app:
        yield RemoteBank(app, server)
