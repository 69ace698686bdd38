"""Metrics for Prometheus: requests by endpoint and status, their latency, and the jobs of the worker."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from bankapp import endpoints
from bankapp.api.job_metrics import JobCollector
from bankapp.endpoints import Access

blueprint = Blueprint("metrics", __name__)


class Metrics:
    """The counters of one application. Under gunicorn all workers add to the same counters."""

    def __init__(self, directory: str | None) -> None:
        self._directory = directory
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "bankapp_requests",
            "Requests by endpoint and status",
            ["endpoint", "status"],
            registry=self._registry,
        )
        self._latency = Histogram(
            "bankapp_request_seconds",
            "Latency by endpoint",
            ["endpoint"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=self._registry,
        )
        self._lost_lines = Counter(
            "bankapp_log_lines_lost",
            "Lines of the log that were lost because nothing read them",
            registry=self._registry,
        )
        self._children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one request."""
        labels = endpoint, status
        if labels not in self._children:
            self._children[labels] = self._requests.labels(endpoint, str(status)), self._latency.labels(endpoint)
        requests, latency = self._children[labels]
        requests.inc()
        latency.observe(seconds)

    def lost_line(self) -> None:
        """Count a line of the log that was lost."""
        self._lost_lines.inc()

    def page(self) -> bytes:
        """Return the metrics in Prometheus' text format. Reads the database, but does not need it."""
        jobs = CollectorRegistry()
        jobs.register(JobCollector())
        requests = self._registry
        if self._directory is not None:
            requests = CollectorRegistry()
            MultiProcessCollector(requests, path=self._directory)  # type: ignore[no-untyped-call]  # not annotated
        return generate_latest(requests) + generate_latest(jobs)


def of(app: Flask) -> Metrics:
    """Return the counters of ``app``."""
    metrics: Metrics = app.extensions["bankapp_metrics"]
    return metrics


@blueprint.get("/metrics")
def page() -> Response:
    """Return the metrics."""
    return Response(of(current_app).page(), content_type=CONTENT_TYPE_LATEST)


def init_app(app: Flask) -> None:
    """Count every request of ``app`` and serve ``/metrics``."""
    metrics = Metrics(app.config["BANKAPP"].metrics_directory)
    app.extensions["bankapp_metrics"] = metrics
    app.register_blueprint(blueprint)
    endpoints.declare("metrics.page", Access.PUBLIC)


def observe(status: int, seconds: float) -> None:
    """Count the current request by its endpoint. A path would not do: each id in it would add a time series."""
    of(current_app).observe(request.endpoint or "none", status, seconds)
