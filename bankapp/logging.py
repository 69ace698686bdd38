"""Logs on standard output: one JSON object per line, with the id of its request."""

from __future__ import annotations

import logging
import logging.config
from contextlib import suppress
from typing import Any, Final

import orjson
from pythonjsonlogger.json import JsonFormatter

from bankapp import clock, context, tracing

access: Final = logging.getLogger("bankapp.access")
"""One line for each request."""

events: Final = logging.getLogger("bankapp.events")
"""One line for each business event."""


class _Formatter(JsonFormatter):
    """Writes ``timestamp, level, message, request_id`` and the fields that the record has in ``extra``."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["timestamp"] = clock.to_text(clock.from_timestamp(record.created))
        log_data["level"] = record.levelname.lower()
        if record.name != access.name:
            # A request's line has exactly the fields that the contract lists.
            log_data["logger"] = record.name
        super().add_fields(log_data, record, message_dict)
        if (trace_id := tracing.trace_id()) is not None:
            log_data["trace_id"] = trace_id

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        # orjson is fast, but leaves characters unescaped that a reader may take for the end of a line. Lines with
        # such characters, or with values that orjson cannot write, take the slower way.
        with suppress(orjson.JSONEncodeError):
            line = orjson.dumps(log_data)
            if line.isascii():
                return line.decode()
        return str(super().jsonify_log_record(log_data))


class _ConsoleFormatter(logging.Formatter):
    """Writes a line for people. Line breaks are escaped, so that text of a request cannot forge a line."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name for it
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = context.current().request_id
        return True


def settings(level: str, format: str, stream: str = "stdout") -> dict[str, Any]:
    """Return a ``logging.config`` dictionary: all logs of ``level`` on ``stream``, which is ``stdout`` or ``stderr``.

    ``format`` is ``json``, or ``console`` for people.
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": _RequestId}},
        "formatters": {
            "json": {"()": _Formatter, "format": "%(message)s %(request_id)s"},
            "console": {
                "()": _ConsoleFormatter,
                "format": "%(asctime)s %(levelname)-7s %(name)s [%(request_id)s] %(message)s",
            },
        },
        "handlers": {
            stream: {
                "class": "logging.StreamHandler",
                "stream": f"ext://sys.{stream}",
                "formatter": format,
                "filters": ["request_id"],
            }
        },
        "root": {"level": level, "handlers": [stream]},
        "loggers": {
            "sqlalchemy": {"level": "WARNING"},
            "alembic": {"level": "WARNING"},
            # gunicorn installs its own handlers; these settings send its lines to the root handler.
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


def configure(level: str, format: str, stream: str = "stdout") -> None:
    """Send all logs to ``stream``, with :func:`settings`."""
    logging.config.dictConfig(settings(level, format, stream))
