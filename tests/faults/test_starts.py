"""Production refuses to start without its settings and database, and prints the cause in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask

from bankapp import create_app
from bankapp.db import probes
from config import ConfigError
from tests.faults.production import production
from tests.support.databases import SECRET, application, settings
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


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all/bank.sqlite3", "postgresql://nobody@127.0.0.1:1/bank"])
def test_only_production_requires_a_database_at_the_start(url: str) -> None:
    with application(settings(url)):
        pass
    with pytest.raises(ConfigError, match=r"^DATABASE_URL names a database that does not answer: .") as refusal:
        create_app(settings(url, BANKAPP_ENV="production", JWT_SECRET=SECRET))
    assert "\n" not in str(refusal.value)


def test_older_tables_lack_migrations_and_newer_ones_do_not(fresh_app: Flask, raw_sql: Callable[..., RawSql]) -> None:
    with raw_sql(fresh_app) as owner, fresh_app.app_context():
        assert not probes.lacks_migrations()
        owner.run("UPDATE alembic_version SET version_num = '0001'")
        assert probes.lacks_migrations()
        owner.run("UPDATE alembic_version SET version_num = '9999'")
        assert not probes.lacks_migrations()
        owner.run("DELETE FROM alembic_version")
        assert probes.lacks_migrations()
