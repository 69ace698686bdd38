"""Tracing: one trace for a request, its command and its statements. Off, it costs nothing and imports nothing.

``OTEL_EXPORTER_OTLP_ENDPOINT`` turns it on (:mod:`bankapp.open_telemetry`).
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bankapp.open_telemetry import Backend

_NOTHING: Final[AbstractContextManager[None]] = nullcontext()
_backend: Backend | None = None


def start(endpoint: str) -> None:
    """Send spans to the OpenTelemetry collector at ``endpoint``. Raises ImportError without its packages."""
    from bankapp import open_telemetry  # noqa: PLC0415 - its packages are installed only where tracing is on

    global _backend  # noqa: PLW0603 - a process has one tracer, as it has one log
    _backend = _backend or open_telemetry.Backend(endpoint)


def backend() -> Backend | None:
    """Return what makes spans, or None where tracing is off."""
    return _backend


def span(name: str) -> AbstractContextManager[Any]:
    """Return a span around a block, below the current one."""
    return _NOTHING if _backend is None else _backend.span(name)


def trace_id() -> str | None:
    """Return the id of the current trace as 32 hexadecimal digits, or None outside of one."""
    return None if _backend is None else _backend.trace_id()
