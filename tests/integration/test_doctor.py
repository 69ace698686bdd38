"""``flask doctor``: green where all is right, and red or yellow for each wrong set-up, with what to do."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask

from bankapp.services.jobs import JOBS
from config import ROOT
from tests.support import clocks
from tests.support.databases import OWNER, SECRET, application, settings
from tests.support.raw_sql import RawSql
from tests.support.redis_server import counting_redis

PRODUCTION = {"BANKAPP_ENV": "production", "JWT_SECRET": SECRET, "SECRET_KEY": SECRET[::-1]}

LEVELS = ("green", "yellow", "red")
NOT_OF_PRODUCTION = {"fsync is off", "synchronous_commit is off", "full_page_writes is off"}
"""Settings of the test server, which make the tests quick."""


def doctor(app: Flask) -> dict[str, dict[str, Any]]:
    """Run ``flask doctor --json``; return its findings by check, of several the worst."""
    result = app.test_cli_runner().invoke(args=["doctor", "--json"])
    printed = json.loads(result.output)
    findings = printed["findings"]
    is_red = any(finding["level"] == "red" for finding in findings)
    assert (result.exit_code, printed["ok"]) == (int(is_red), not is_red)
    for finding in findings:
        assert bool(finding["do"]) == (finding["level"] != "green"), finding
    return {finding["check"]: finding for finding in sorted(findings, key=lambda one: LEVELS.index(one["level"]))}


def level_and_text(app: Flask, check: str) -> tuple[str, str]:
    finding = doctor(app)[check]
    return finding["level"], finding["found"]


@pytest.fixture
def worked_app(fresh_app: Flask) -> Flask:
    """An application on a database of its own, whose worker ran every job."""
    done = fresh_app.test_cli_runner().invoke(args=["work", "--once"])
    assert done.exit_code == 0, done.output
    return fresh_app


@pytest.fixture
def owner(raw_sql: Callable[..., RawSql], fresh_app: Flask) -> Iterator[RawSql]:
    with raw_sql(fresh_app) as connection:
        yield connection


def test_a_sound_service_is_green(worked_app: Flask, dialect: str) -> None:
    printed = worked_app.test_cli_runner().invoke(args=["doctor", "--json"]).output
    found = [one for one in json.loads(printed)["findings"] if one["found"] not in NOT_OF_PRODUCTION]
    assert [one for one in found if one["level"] != "green" and one["check"] != "rate limits"] == []
    expected = {"environment", "rate limits", "disk", "database", "clock", "tables", "triggers", "worker"}
    expected |= {"database setting"} if dialect == "sqlite" else {"role"}
    assert {one["check"] for one in found} == expected


def test_the_report_is_one_line_for_each_finding_and_one_for_what_to_do(worked_app: Flask) -> None:
    lines = worked_app.test_cli_runner().invoke(args=["doctor"]).output.splitlines()
    assert lines[0].split() == ["green", "environment", "testing"]
    assert next(line.strip() for line in lines if "→" in line) == "→ unset RATELIMIT_ENABLED"


def test_a_database_that_does_not_answer_is_red_in_production_too() -> None:
    environ = PRODUCTION | {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/bank", "FLASK_APP": str(ROOT / "wsgi.py")}
    command = [sys.executable, "-m", "flask", "doctor", "--json"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1, done.stderr
    found = {finding["check"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert found["database"]["level"] == "red"
    assert found["database"]["found"].startswith("does not answer: ")
    assert "tables" not in found


def test_older_and_newer_tables(fresh_app: Flask, owner: RawSql) -> None:
    owner.run("UPDATE alembic_version SET version_num = '0001'")
    assert level_and_text(fresh_app, "tables") == ("red", "the database lacks migrations")
    assert "triggers" not in doctor(fresh_app)
    owner.run("UPDATE alembic_version SET version_num = '9999'")
    assert level_and_text(fresh_app, "tables")[0] == "yellow"


def test_a_missing_trigger_is_red(fresh_app: Flask, owner: RawSql, dialect: str) -> None:
    name = "postings_no_delete" if dialect == "sqlite" else "postings_are_history"
    owner.run(f"DROP TRIGGER {name}" + ("" if dialect == "sqlite" else " ON postings"))
    assert level_and_text(fresh_app, "triggers") == ("red", f"missing or off: {name}")


def test_a_changed_trigger_is_red(fresh_app: Flask, owner: RawSql, dialect: str) -> None:
    if dialect == "sqlite":
        name = "postings_no_delete"
        owner.run(f"DROP TRIGGER {name}", f"CREATE TRIGGER {name} BEFORE DELETE ON postings BEGIN SELECT 1; END")
    else:
        name = "ledger_refuse_change()"
        owner.run(
            "CREATE OR REPLACE FUNCTION ledger_refuse_change() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NEW; END $$"
        )
    assert level_and_text(fresh_app, "triggers") == ("red", f"not the text of this release: {name}")


def test_a_trigger_of_postgresql_that_is_off_or_has_another_event_is_red(
    fresh_app: Flask, owner: RawSql, dialect: str
) -> None:
    if dialect == "sqlite":  # it turns no trigger off, and the test above compares the whole text
        return
    owner.run("ALTER TABLE postings DISABLE TRIGGER postings_are_history")
    assert level_and_text(fresh_app, "triggers") == ("red", "missing or off: postings_are_history")
    owner.run(
        "DROP TRIGGER postings_are_history ON postings",
        "CREATE TRIGGER postings_are_history BEFORE UPDATE ON postings"
        " FOR EACH ROW EXECUTE FUNCTION ledger_refuse_change()",
    )
    assert level_and_text(fresh_app, "triggers") == ("red", "not the text of this release: postings_are_history")


def test_the_rights_of_the_role(fresh_app: Flask, owner: RawSql, dialect: str) -> None:
    if dialect == "sqlite":
        assert "role" not in doctor(fresh_app)
        return
    owner.run("GRANT DELETE, UPDATE ON postings TO bank_app")
    level, text = level_and_text(fresh_app, "role")
    assert (level, text.split(":")[0]) == ("red", "bank_app has more rights than it needs")
    assert "DELETE on postings" in text
    owner.run("REVOKE DELETE, UPDATE ON postings FROM bank_app", "REVOKE INSERT ON postings FROM bank_app")
    assert level_and_text(fresh_app, "role") == ("red", "bank_app lacks INSERT on postings")
    with application(settings(owner.url.replace("postgres@", f"{OWNER}@"))) as app:
        assert level_and_text(app, "role") == ("red", f"{OWNER} owns tables: no right protects the books")


def test_settings_of_the_database(fresh_app: Flask, owner: RawSql, dialect: str) -> None:
    if dialect == "sqlite":
        # The service sets them for each of its connections.
        assert level_and_text(fresh_app, "database setting")[0] == "green"
        return
    owner.run("ALTER ROLE bank_app SET default_transaction_isolation = 'serializable'")
    try:
        with application(fresh_app.config["BANKAPP"]) as app:
            output = app.test_cli_runner().invoke(args=["doctor"]).output
    finally:
        owner.run("ALTER ROLE bank_app RESET default_transaction_isolation")
    for found in NOT_OF_PRODUCTION | {"default_transaction_isolation is serializable"}:
        assert re.search(rf"^red .*{found}\n +→ set it to ", output, re.M)


def test_a_clock_that_is_wrong(fresh_app: Flask) -> None:
    for seconds, level in ((5, "yellow"), (-5, "yellow"), (90, "red"), (-90, "red")):
        with clocks.at(datetime.now(UTC) + timedelta(seconds=seconds)):
            assert level_and_text(fresh_app, "clock")[0] == level


def test_a_full_disk(fresh_app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    for free, level in ((1024**3, "yellow"), (1024**2, "red")):
        monkeypatch.setattr(shutil, "disk_usage", lambda _place, free=free: SimpleNamespace(free=free))
        assert level_and_text(fresh_app, "disk")[0] == level


def test_a_worker_that_never_ran_is_late_or_failed(fresh_app: Flask, owner: RawSql) -> None:
    level, text = level_and_text(fresh_app, "worker")
    assert level == "yellow"
    assert all(f"{job.name} (never)" in text for job in JOBS)
    assert fresh_app.test_cli_runner().invoke(args=["work", "--once"]).exit_code == 0
    assert level_and_text(fresh_app, "worker")[0] == "green"
    owner.run("UPDATE job_leases SET last_success_at = '2020-01-01T00:00:00.000000Z' WHERE name = 'seal_audit'")
    level, text = level_and_text(fresh_app, "worker")
    assert (level, "seal_audit (" in text) == ("yellow", True)
    owner.run("UPDATE job_leases SET last_outcome = 'failure', last_detail = '2 faults' WHERE name = 'verify_ledger'")
    assert level_and_text(fresh_app, "worker") == ("red", "failed last: verify_ledger (2 faults)")


def test_settings_that_weaken_production(worked_app: Flask) -> None:
    url = worked_app.config["BANKAPP"].database_url
    weak = PRODUCTION | {"SECRET_KEY": SECRET, "BCRYPT_ROUNDS": "4", "DOCS_ENABLED": "1", "RATELIMIT_ENABLED": "0"}
    with application(settings(url, **weak)) as app:
        found = {name: finding["level"] for name, finding in doctor(app).items()}
    assert (found["secrets"], found["passwords"], found["documentation"]) == ("yellow", "red", "yellow")
    assert found["rate limits"] == "red"


@pytest.mark.parametrize(("uri", "level"), [("memory://", "yellow"), ("redis://127.0.0.1:1/0", "red"), ("", "green")])
def test_the_store_of_limits_in_production(worked_app: Flask, uri: str, level: str) -> None:
    with counting_redis(9) as redis:
        served = PRODUCTION | {"RATELIMIT_STORAGE_URI": uri or redis.url}
        with application(settings(worked_app.config["BANKAPP"].database_url, **served)) as app:
            assert level_and_text(app, "rate limits")[0] == level


def test_nothing_secret_is_printed(worked_app: Flask) -> None:
    assert SECRET not in worked_app.test_cli_runner().invoke(args=["doctor", "--json"]).output
