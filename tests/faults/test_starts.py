"""Production refuses to start without its settings and database, and prints the cause in one line."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from flask import Flask
from sqlalchemy import make_url

from bankapp import create_app, db
from config import ConfigError
from tests.faults.production import production
from tests.support.databases import SECRET, application, settings
from tests.support.postgres import PostgresServer
from tests.support.raw_sql import RawSql


@pytest.mark.parametrize(
    ("environ", "beginning"),
    [
        ({"JWT_SECRET": ""}, "bankapp: JWT_SECRET is required in production"),
        (
            {"DATABASE_URL": "postgresql://nobody:hunter2-hunter2@127.0.0.1:1/bank"},
            "bankapp: DATABASE_URL names a database that does not answer: ",
        ),
        ({}, "bankapp: the database lacks migrations; run: flask db upgrade"),
        (
            {"DATABASE_URL": "sqlite:////nowhere/bank.sqlite3", "BANKAPP_ENV": "development"},
            "bankapp: DATABASE_URL names a file that the service cannot write: unable to open database file",
        ),
        (
            {"PROMETHEUS_MULTIPROC_DIR": "/nowhere"},
            "bankapp: PROMETHEUS_MULTIPROC_DIR or TMPDIR must name a folder that can be written: ",
        ),
    ],
)
def test_a_refused_start_prints_one_line_and_exits(environ: dict[str, str], beginning: str, tmp_path: Path) -> None:
    server = production(f"sqlite:///{tmp_path}/empty.sqlite3", tmp_path, **environ)
    server.launch()
    assert server.wait() == 1
    [line] = server.error_log.read_text().splitlines()
    assert line.startswith(beginning)
    assert "hunter2" not in line
    assert all(entry["level"] in ("info", "warning") for entry in server.lines)
    assert not list(tmp_path.glob("bankapp-metrics-*"))


def test_a_start_on_an_address_in_use_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    server = production(sqlite_url, tmp_path).start()
    server.stop()
    host, port = server.address.split(":")
    with socket.create_server((host, int(port))):
        server.launch()
        assert server.wait() == 1
    assert server.error_log.read_text() == f"bankapp: cannot listen on {host} port {port}: Address already in use\n"
    assert all(entry["level"] in ("info", "warning") for entry in server.lines)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("sqlite:////nowhere/at/all/bank.sqlite3", "names a file that the service cannot write: ."),
        ("postgresql://nobody@127.0.0.1:1/bank", "names a database that does not answer: ."),
    ],
)
def test_only_production_requires_a_database_at_the_start(url: str, reason: str) -> None:
    with application(settings(url)):
        pass
    with pytest.raises(ConfigError, match=f"^DATABASE_URL {reason}") as refusal:
        create_app(settings(url, BANKAPP_ENV="production", JWT_SECRET=SECRET))
    assert "\n" not in str(refusal.value)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Act without root's right to write everywhere."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


@pytest.fixture
def shared_folder() -> Iterator[Path]:
    """A folder that every user may enter; ``tmp_path`` is the user's own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        path = Path(folder)
        path.chmod(0o755)
        yield path


@pytest.fixture(scope="module")
def guarded_postgresql() -> Iterator[str]:
    """A server that asks the user ``told`` for a password and has no entry for anybody else but its superuser."""
    with PostgresServer() as server:
        url = server.create_database("guarded")
        with psycopg.connect(url, autocommit=True) as admin:
            row = admin.execute("SHOW hba_file").fetchone()
            assert row is not None
            lines = ["host all postgres 127.0.0.1/32 trust", "host all told 127.0.0.1/32 scram-sha-256"]
            Path(row[0]).write_text("\n".join(lines))
            admin.execute("CREATE ROLE told LOGIN PASSWORD 'right'")
            admin.execute("CREATE ROLE stranger LOGIN")
            admin.execute("SELECT pg_reload_conf()")
        yield url


def test_a_file_that_cannot_be_written_is_refused(shared_folder: Path) -> None:
    file = shared_folder / "bank.sqlite3"
    file.touch(0o444)
    shared_folder.chmod(0o555)
    with as_nobody(), pytest.raises(ConfigError, match=r"DATABASE_URL names a file that the service cannot write: "):
        create_app(settings(f"sqlite:///{file}", BANKAPP_ENV="production", JWT_SECRET=SECRET))


@pytest.mark.parametrize(
    ("user", "password", "told"),
    [
        ("told", "wrong", 'password authentication failed for user "told"'),
        ("stranger", "none", "; if the server demands TLS, add ?sslmode=verify-full"),
    ],
)
def test_a_refusal_of_postgresql_is_told_on_one_line(
    user: str, password: str, told: str, guarded_postgresql: str
) -> None:
    url = make_url(guarded_postgresql).set(username=user, password=password)
    with pytest.raises(ConfigError, match=r"^DATABASE_URL is refused by the database: ") as refusal:
        create_app(settings(url.render_as_string(hide_password=False), BANKAPP_ENV="production", JWT_SECRET=SECRET))
    assert told in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_tables_that_do_not_fit_are_named(fresh_app: Flask, raw_sql: Callable[..., RawSql]) -> None:
    with raw_sql(fresh_app) as owner, fresh_app.app_context():
        assert db.table_refusal() is None
        owner.run("UPDATE alembic_version SET version_num = '0001'")
        assert "lacks migrations" in str(db.table_refusal())
        owner.run("UPDATE alembic_version SET version_num = '9999'")
        assert db.table_refusal() is None
        assert db.has_newer_tables()
        owner.run("UPDATE schema_support SET oldest_revision = '9998'")
        assert "too old for" in str(db.table_refusal())
        owner.run("UPDATE alembic_version SET version_num = 'a8f31c02b7d4'")
        assert "belongs to another application" in str(db.table_refusal())
        owner.run("DELETE FROM alembic_version")
        assert "lacks migrations" in str(db.table_refusal())
