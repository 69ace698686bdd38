"""The alert rules and the dashboard of ``deploy/`` name metrics, labels, endpoints and jobs that exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from bankapp.services.jobs import DAY, JOBS
from config import ROOT
from tests.support.factories import Bank

ALERTS = [
    rule
    for group in yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
PANELS = json.loads((ROOT / "deploy/grafana/dashboard.json").read_text())["panels"]
EXPRESSIONS = [rule["expr"] for rule in ALERTS] + [target["expr"] for panel in PANELS for target in panel["targets"]]
# Labels that Prometheus adds to every sample of a scrape, and the metric that it makes itself.
SCRAPE_LABELS = {"job", "instance"}
OF_PROMETHEUS = {"up"}


@pytest.fixture
def exposed(app: Flask) -> dict[str, set[str]]:
    """The labels of each metric after a sign-in."""
    Bank(app).customer()
    page = app.test_client().get("/metrics").get_data(as_text=True)
    samples = [sample for family in text_string_to_metric_families(page) for sample in family.samples]
    return {sample.name: set(sample.labels) for sample in samples}


def selectors(expression: str) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Yield each metric of an expression with its conditions on labels."""
    for name, conditions in re.findall(r"\b(bankapp_\w+|up)\b(?:\{([^}]*)\})?", expression):
        if name != "up" or conditions:
            yield name, re.findall(r'(\w+)(=~|!~|!=|=)"([^"]*)"', conditions)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_names_what_a_scrape_has(expression: str, app: Flask, exposed: dict[str, set[str]]) -> None:
    found = list(selectors(expression))
    assert found
    endpoints = {rule.endpoint for rule in app.url_map.iter_rules()}
    for name, conditions in found:
        assert name in exposed or name in OF_PROMETHEUS, name
        for label, _, value in conditions:
            assert label in exposed.get(name, set()) | SCRAPE_LABELS, (name, label)
            if label == "endpoint":
                assert any(re.fullmatch(value, endpoint) for endpoint in endpoints), value
            if label == "job" and name not in OF_PROMETHEUS:
                assert set(value.split("|")) <= {job.name for job in JOBS}, value


def test_each_job_has_an_alert_that_leaves_it_three_periods() -> None:
    limits: dict[str, float] = {}
    for rule in ALERTS:
        pattern = r'bankapp_job_last_success_age_seconds\{job=~?"([^"]*)"\} > (\d+)'
        for names, seconds in re.findall(pattern, rule["expr"]):
            for name in names.split("|"):
                assert name not in limits, f"two alerts for {name}"
                limits[name] = float(seconds)
    for job in JOBS:
        least = 26 * 3600 if job.every_seconds == DAY else 3 * job.every_seconds
        assert limits.pop(job.name) >= least, job.name
    assert not limits


def test_each_alert_says_what_happened_and_what_to_do() -> None:
    names = [rule["alert"] for rule in ALERTS]
    assert len(set(names)) == len(names)
    for rule in ALERTS:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert set(rule["annotations"]) == {"summary", "description"}
