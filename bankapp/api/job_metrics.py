"""Metrics of the worker's jobs. They come from the database, so a scrape of any web process has them."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from bankapp import errors
from bankapp.services import job_states
from bankapp.services.job_states import JobState

log = logging.getLogger(__name__)


class JobCollector(Collector):
    """Reads the jobs' states at each scrape. Without the database there is only ``bankapp_database_up 0``."""

    def describe(self) -> list[Metric]:
        """Return nothing: otherwise registering would read the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics of the jobs and of their queues."""
        try:
            states = job_states.read()
        except errors.Unavailable:
            log.warning("metrics of the jobs are missing, because the database does not answer")
            yield GaugeMetricFamily("bankapp_database_up", "Whether the database answers", 0)
            return
        yield GaugeMetricFamily("bankapp_database_up", "Whether the database answers", 1)
        yield from _job_metrics(states)
        yield from _queue_metrics(states)


def _job_metrics(states: list[JobState]) -> Iterator[Metric]:
    age = GaugeMetricFamily(
        "bankapp_job_last_success_age_seconds",
        "Seconds since a job's last success; +Inf before the first",
        labels=["job"],
    )
    failures = CounterMetricFamily("bankapp_job_failures", "Failed steps of a job", labels=["job"])
    for state in states:
        age.add_metric([state.name], math.inf if state.success_age_seconds is None else state.success_age_seconds)
        failures.add_metric([state.name], state.failures)
    yield age
    yield failures


def _queue_metrics(states: list[JobState]) -> Iterator[Metric]:
    length = GaugeMetricFamily("bankapp_queue_length", "Items that wait for a job", labels=["job"])
    lag = GaugeMetricFamily("bankapp_queue_lag_seconds", "Age of the oldest item that waits for a job", labels=["job"])
    dead = GaugeMetricFamily("bankapp_queue_dead", "Items that a job gave up", labels=["job"])
    for state in states:
        if state.queue is not None:
            length.add_metric([state.name], state.queue.length)
            lag.add_metric([state.name], state.queue.lag_seconds)
            dead.add_metric([state.name], state.queue.dead)
    yield from (length, lag, dead)
