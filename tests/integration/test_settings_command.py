"""``flask config``: every setting with its value and its source, and no secret."""

from __future__ import annotations

import json
from typing import Final

import pytest

import config
from tests.support.databases import SECRET, application, settings

HIDDEN: Final = "hunter2-hunter2"


def test_each_setting_is_shown_with_its_value_and_source(monkeypatch: pytest.MonkeyPatch) -> None:
    for setting in config.SETTINGS:
        monkeypatch.delenv(setting.name, raising=False)
    monkeypatch.setenv("HOLD_SECONDS", "3600")
    with application(settings("sqlite:////x/bank.sqlite3", HOLD_SECONDS="3600")) as app:
        result = app.test_cli_runner().invoke(args=["config", "--json"])
        table = app.test_cli_runner().invoke(args=["config"]).output
    rows = {row["name"]: (row["value"], row["source"]) for row in json.loads(result.output)}
    assert list(rows) == [setting.name for setting in config.SETTINGS]
    assert rows["BANKAPP_ENV"] == ("testing", "default of testing")
    assert rows["HOLD_SECONDS"] == ("3600", "environment")
    assert rows["RATELIMIT_ENABLED"] == ("false", "default of testing")
    assert rows["CORS_ORIGINS"] == ("none", "default of testing")
    assert len(table.splitlines()) == len(rows)


@pytest.mark.parametrize("option", [["--json"], []])
def test_no_secret_is_shown(option: list[str]) -> None:
    given = settings(
        f"postgresql://bank_app:{HIDDEN}@db-1,db-2:5432/bank?sslmode=verify-full&sslpassword={HIDDEN}",
        RATELIMIT_STORAGE_URI=f"redis://:{HIDDEN}@cache:6379/0",
        SECRET_KEY=SECRET[::-1],
    )
    with application(given) as app:
        output = app.test_cli_runner().invoke(args=["config", *option]).output
    assert HIDDEN not in output
    assert SECRET not in output
    assert SECRET[::-1] not in output
    assert "postgresql+psycopg://bank_app:***@db-1,db-2:5432/bank?sslmode=verify-full&sslpassword=***" in output
    assert "redis://:***@cache:6379/0" in output
