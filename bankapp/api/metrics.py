"""Numbers for Prometheus: requests by endpoint and status, and their latency."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, current_app, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from bankapp import endpoints
from bankapp.endpoints import Access

blueprint = Blueprint("metrics", __name__)


class Metrics:
    """One application's counters; under gunicorn every worker adds to the same numbers."""

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
        self._known: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def observe(self, endpoint: str, status: int, seconds: float) -> None:
        """Count one request."""
        of_these = endpoint, status
        if of_these not in self._known:
            self._known[of_these] = self._requests.labels(endpoint, str(status)), self._latency.labels(endpoint)
        requests, latency = self._known[of_these]
        requests.inc()
        latency.observe(seconds)

    def page(self) -> bytes:
        """Return the numbers in Prometheus' text format."""
        if self._directory is None:
            return generate_latest(self._registry)
        gathered = CollectorRegistry()
        MultiProcessCollector(gathered, path=self._directory)  # type: ignore[no-untyped-call]  # not annotated
        return generate_latest(gathered)


@blueprint.get("/metrics")
def page() -> Response:
    """Answer the numbers."""
    metrics: Metrics = current_app.extensions["bankapp_metrics"]
    return Response(metrics.page(), content_type=CONTENT_TYPE_LATEST)


def init_app(app: Flask) -> None:
    """Count every request of ``app`` and serve ``/metrics``."""
    metrics = Metrics(app.config["BANKAPP"].metrics_directory)
    app.extensions["bankapp_metrics"] = metrics
    app.register_blueprint(blueprint)
    endpoints.declare("metrics.page", Access.PUBLIC)


def observe(status: int, seconds: float) -> None:
    """Count the current request; the label is the endpoint, since ids in a path would make a time series each."""
    metrics: Metrics = current_app.extensions["bankapp_metrics"]
    metrics.observe(request.endpoint or "none", status, seconds)
