"""Every test that asks for ``app`` runs twice: on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask_migrate import upgrade

from bankapp import create_app
from bankapp.extensions import db
from config import Config
from tests.factories import Bank
from tests.postgres import PostgresServer
from tests.servers import GunicornServer, RemoteBank

SECRET = "a-test-secret-that-is-used-nowhere-else"
DIALECTS = ("sqlite", "postgresql")


@pytest.fixture(autouse=True)
def _push_request_context() -> None:
    """Undo pytest-flask's shared request context: one ``g`` for several calls hides what each request must do."""


def settings(database_url: str, **environ: str) -> Config:
    """Return the settings of a test application."""
    values = {"BANKAPP_ENV": "testing", "DATABASE_URL": database_url, "JWT_SECRET": SECRET, "LOG_LEVEL": "INFO"}
    return Config.from_env(values | environ)


def migrate(database_url: str) -> None:
    app = create_app(settings(database_url))
    with app.app_context():
        upgrade()
        db.engine.dispose()


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
    migrate(postgres.create_database("bank_template"))
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
        return str(server.create_database(f"bank_{uuid.uuid4().hex}", template=template))

    return create


@pytest.fixture(scope="session")
def app(new_database: Callable[[], str]) -> Iterator[Flask]:
    """An application on a database that all tests of one dialect share: use people of your own."""
    application = create_app(settings(new_database()))
    yield application
    with application.app_context():
        db.engine.dispose()


@pytest.fixture
def fresh_app(new_database: Callable[[], str]) -> Iterator[Flask]:
    """An application on a database of its own, for tests that look at everything or break something."""
    application = create_app(settings(new_database()))
    yield application
    with application.app_context():
        db.engine.dispose()


@pytest.fixture
def bank(app: Flask) -> Bank:
    return Bank(app)


@pytest.fixture
def fresh_bank(fresh_app: Flask) -> Bank:
    return Bank(fresh_app)


@pytest.fixture(scope="session")
def server(new_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[GunicornServer]:
    """The application under gunicorn, on a database of its own that all tests of one dialect share."""
    with GunicornServer(new_database(), tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def remote_bank(server: GunicornServer) -> Iterator[RemoteBank]:
    application = create_app(settings(server.database_url))
    yield RemoteBank(application, server)
    with application.app_context():
        db.engine.dispose()


@pytest.fixture
def fresh_server(new_database: Callable[[], str], tmp_path: Path) -> Iterator[GunicornServer]:
    """A server on a database of its own, for tests that stop it or break something."""
    with GunicornServer(new_database(), tmp_path) as running:
        yield running
