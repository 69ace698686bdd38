"""What this service does otherwise than Flask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

import flask
from flask.ctx import AppContext
from flask.sessions import NullSession, SessionInterface, SessionMixin

from bankapp import context
from bankapp.api.parsing import Request

if TYPE_CHECKING:
    from contextvars import Token

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

    from config import Config

# What an answer has that says nothing else: pages have policies of their own.
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
    """Who asks is in the token: no cookie is read, and none is set."""

    def open_session(self, app: flask.Flask, request: flask.Request) -> SessionMixin:  # noqa: ARG002 - the parameters are Flask's
        return _NO_SESSION


class _AppContext(AppContext):
    """What runs in it finds the settings of its application (``context.config``), and afterwards those of before."""

    def __init__(self, app: flask.Flask) -> None:
        super().__init__(app)
        self._before: list[Token[Config]] = []

    def push(self) -> None:
        self._before.append(context.use_config(self.app.config["BANKAPP"]))
        super().push()

    def pop(self, *exception: Any) -> None:
        try:
            super().pop(*exception)
        finally:
            context.restore_config(self._before.pop())


class Flask(flask.Flask):
    """Flask with our request, without sessions, and with security headers on every answer, whoever made it."""

    request_class = Request
    session_interface = _NoSession()

    def app_context(self) -> AppContext:
        """Return an application context that brings the settings along."""
        return _AppContext(self)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Leave a view or hook as it is: none is a coroutine, which Flask would find out anew each time."""
        return func

    def wsgi_app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, with the headers that the answer does not have by itself."""
        defaults = _PRODUCTION_HEADERS if self.config["BANKAPP"].is_production else _HEADERS

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            there = {name.lower() for name, _ in headers}
            headers += [header for header in defaults.items() if header[0].lower() not in there]
            return start_response(status, headers, *rest)

        return super().wsgi_app(environ, start)
