"""CORS: the other origins that may call the API from a browser."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from flask import Flask
from flask_cors import CORS

REQUEST_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "Last-Event-ID",
    "X-Device-Id",
    "X-Request-Id",
)
ANSWER_HEADERS: Final = (
    "Content-Disposition",
    "ETag",
    "Idempotent-Replayed",
    "RateLimit-Limit",
    "RateLimit-Remaining",
    "RateLimit-Reset",
    "Retry-After",
    "X-Request-Id",
)


def init_app(app: Flask) -> None:
    """Allow the origins of ``CORS_ORIGINS`` under ``/v1``. Without the setting no other origin is allowed.

    Credentials stay off: a script sends its token in a header, never in a cookie.
    """
    origins = app.config["BANKAPP"].cors_origins
    if origins:
        CORS(
            app,
            resources={"/v1/*": {"origins": list(origins)}},
            methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=REQUEST_HEADERS,
            expose_headers=ANSWER_HEADERS,
            supports_credentials=False,
            send_wildcard=False,
            vary_header=True,
            max_age=timedelta(minutes=10),
        )
