"""Logs: one JSON object a line on standard output, each with the id of the request it belongs to."""

from __future__ import annotations

import logging
import logging.config
from contextlib import suppress
from typing import Any, Final

import orjson
from pythonjsonlogger.json import JsonFormatter

from bankapp import clock, context

access: Final = logging.getLogger("bankapp.access")
"""One line for each request."""

events: Final = logging.getLogger("bankapp.events")
"""One line for each business event."""


class _Formatter(JsonFormatter):
    """Writes ``timestamp, level, message, request_id`` and whatever the record carries in ``extra``."""

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["timestamp"] = clock.to_text(clock.from_timestamp(record.created))
        log_data["level"] = record.levelname.lower()
        if record.name != access.name:
            # A request's line has the fields that were promised and no other.
            log_data["logger"] = record.name
        super().add_fields(log_data, record, message_dict)

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        # Nearly all lines are plain; for all others the slower way escapes what a reader might take for a line's end,
        # and writes what orjson does not.
        with suppress(orjson.JSONEncodeError):
            line = orjson.dumps(log_data)
            if line.isascii():
                return line.decode()
        return str(super().jsonify_log_record(log_data))


class _ConsoleFormatter(logging.Formatter):
    """Writes a line for people; what comes from a request cannot begin a line of its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name for it
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")


class _RequestId(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        if not hasattr(record, "request_id"):
            record.request_id = context.current().request_id
        return True


def settings(level: str, format: str) -> dict[str, Any]:
    """Return a ``logging.config`` dictionary: everything to standard output, as JSON or for people."""
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
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "formatter": format,
                "filters": ["request_id"],
            }
        },
        "root": {"level": level, "handlers": ["stdout"]},
        "loggers": {
            "sqlalchemy": {"level": "WARNING"},
            "alembic": {"level": "WARNING"},
            # gunicorn brings handlers of its own; its lines go the way of all others.
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            "gunicorn.access": {"level": "CRITICAL", "handlers": [], "propagate": False},
        },
    }


def configure(level: str, format: str) -> None:
    """Send all logs to standard output."""
    logging.config.dictConfig(settings(level, format))
