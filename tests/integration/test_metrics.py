"""The metrics of the worker's jobs, which any web process reads from the database."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from bankapp.services import job_states, jobs
from bankapp.services.jobs import JOBS, Job, Queue
from tests.support.factories import Bank
from tests.support.raw_sql import RawSql

AGE = "bankapp_job_last_success_age_seconds"
FAILURES = "bankapp_job_failures_total"
NAMES = {job.name for job in JOBS}


def scrape(app: Flask) -> dict[str, dict[str, float]]:
    """Return the samples of a scrape that concern jobs: metric → job (empty: none) → value."""
    page = app.test_client().get("/metrics")
    assert page.status_code == 200
    found: dict[str, dict[str, float]] = {}
    for family in text_string_to_metric_families(page.get_data(as_text=True)):
        for sample in family.samples:
            found.setdefault(sample.name, {})[sample.labels.get("job", "")] = sample.value
    return found


def test_a_scrape_has_the_age_of_the_last_success_of_each_job(
    fresh_app: Flask, raw_sql: Callable[..., RawSql], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = scrape(fresh_app)
    assert before[AGE] == dict.fromkeys(NAMES, math.inf)
    assert before[FAILURES] == dict.fromkeys(NAMES, 0)
    assert fresh_app.test_cli_runner().invoke(args=["work", "--once", "--only", "expire_holds"]).exit_code == 0
    age = scrape(fresh_app)[AGE]
    assert 0 <= age.pop("expire_holds") < 60
    assert age == dict.fromkeys(NAMES - {"expire_holds"}, math.inf)
    with raw_sql(fresh_app, guarded=False) as attacker:
        Bank(fresh_app).customer().account(balance=5)
        attacker.run("UPDATE accounts SET balance = balance + 1 WHERE balance > 0")
    assert fresh_app.test_cli_runner().invoke(args=["work", "--once", "--only", "verify_ledger"]).exit_code == 1
    after = scrape(fresh_app)
    assert after[FAILURES] == dict.fromkeys(NAMES, 0) | {"verify_ledger": 1}
    assert after[AGE]["verify_ledger"] == math.inf
    assert after["bankapp_database_up"] == {"": 1}


def test_a_scrape_has_the_queue_of_a_job_that_has_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    job = Job("deliver", lambda: 0, every_seconds=1, queue=lambda: Queue(length=7, lag_seconds=1.5, dead=2))
    monkeypatch.setattr(job_states, "JOBS", (*(each for each in jobs.JOBS if each.queue is None), job))
    found = scrape(app)
    assert [found[f"bankapp_queue_{name}"] for name in ("length", "lag_seconds", "dead")] == [
        {"deliver": 7},
        {"deliver": 1.5},
        {"deliver": 2},
    ]


def test_the_metrics_answer_without_the_database(make_app: Callable[..., Flask]) -> None:
    app = make_app("postgresql://nobody@127.0.0.1:1/bank")
    app.test_client().get("/v1/health/live")
    found = scrape(app)
    assert found["bankapp_database_up"] == {"": 0}
    assert found["bankapp_requests_total"]
    assert AGE not in found
