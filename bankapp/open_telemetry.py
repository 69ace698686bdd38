"""Spans of OpenTelemetry, sent to a collector. Only :mod:`bankapp.tracing` imports this module, where tracing is on."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class Backend:
    """Sends spans by OTLP over HTTP to the collector at ``endpoint``, from this process and those that it forks.

    Spans hold no values of parameters and no query string, because both tell about people. The other settings are the
    variables of the OpenTelemetry specification, such as OTEL_SERVICE_NAME and OTEL_TRACES_SAMPLER.
    """

    def __init__(self, endpoint: str) -> None:
        provider = TracerProvider(resource=Resource.create({"service.name": "bankapp"}))
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = provider.get_tracer("bankapp")

    def span(self, name: str) -> AbstractContextManager[Any]:
        """Return a span around a block, below the current one."""
        return self._tracer.start_as_current_span(name)

    def trace_id(self) -> str | None:
        """Return the id of the current trace as 32 hexadecimal digits, or None outside of one."""
        found = trace.get_current_span().get_span_context()
        return trace.format_trace_id(found.trace_id) if found.is_valid else None

    def request_span(self, name: str, headers: Mapping[str, str], attributes: Mapping[str, str]) -> RequestSpan:
        """Begin the span of a request; the names of ``headers`` are in lower case."""
        parent = propagate.extract(headers)
        return RequestSpan(self._tracer.start_span(name, parent, trace.SpanKind.SERVER, attributes))

    def statement_span(self, system: str, statement: str) -> trace.Span:
        """Begin the span of a statement, with its text, in which placeholders stand for the values."""
        attributes = {"db.system.name": system, "db.query.text": statement}
        return self._tracer.start_span(statement.split(None, 1)[0].upper(), None, trace.SpanKind.CLIENT, attributes)


class RequestSpan:
    """The current span from its making to :meth:`end`."""

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token = context.attach(trace.set_span_in_context(span))

    def end(self, status: int | None) -> None:
        """End the span with the HTTP ``status`` of the answer; None means that there was no answer."""
        if status is not None:
            self._span.set_attribute("http.response.status_code", status)
        if status is None or status >= 500:
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()
        context.detach(self._token)
