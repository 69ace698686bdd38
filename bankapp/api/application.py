"""The Flask class of this service: its request class, no sessions, context signals, default headers.

Everything here uses documented extension points of Flask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import flask
from flask.sessions import NullSession, SessionInterface, SessionMixin

from bankapp import context, db
from bankapp.api.parsing import Request

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# Defaults for answers that do not set these headers. Pages set other policies.
_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_PRODUCTION_HEADERS: Final = _HEADERS | {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}
_NO_SESSION: Final = NullSession()


class _NoSession(SessionInterface):
    """No session cookies: the access token identifies the caller."""

    def open_session(self, app: flask.Flask, request: flask.Request) -> SessionMixin:  # noqa: ARG002 - the parameters are Flask's
        return _NO_SESSION


class Flask(flask.Flask):
    """Flask with the strict request parser and without sessions."""

    request_class = Request
    session_interface = _NoSession()


def init_app(app: flask.Flask) -> None:
    """Give each application context its settings and a database connection, and each answer the default headers."""

    def begin(_app: flask.Flask, **_: Any) -> None:
        context.enter(app.config["BANKAPP"])
        db.open_connection(app.config["BANKAPP"].database_url)

    def end(_app: flask.Flask, **_: Any) -> None:
        db.close_connection()
        context.leave()

    flask.appcontext_pushed.connect(begin, app, weak=False)
    flask.appcontext_popped.connect(end, app, weak=False)
    headers = _PRODUCTION_HEADERS if app.config["BANKAPP"].is_production else _HEADERS
    app.wsgi_app = _DefaultHeaders(app.wsgi_app, headers)  # type: ignore[method-assign]  # as Flask documents middleware


class _DefaultHeaders:
    """Adds the default headers to every answer that lacks them.

    A middleware also covers answers that no ``after_request`` hook sees.
    """

    def __init__(self, app: WSGIApplication, headers: dict[str, str]) -> None:
        self._app = app
        self._headers = tuple(headers.items())

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[[bytes], object]:
            present = set(map(str.lower, dict(headers)))
            for name, value in self._headers:
                if name.lower() not in present:
                    headers.append((name, value))
            return start_response(status, headers, *rest)

        return self._app(environ, start)
