"""Flask as this service uses it, by its documented means: a request class, no sessions, and two signals."""

from __future__ import annotations

from typing import Any, Final

import flask
from flask.sessions import NullSession, SessionInterface, SessionMixin

from bankapp import context, db
from bankapp.api.parsing import Request

_NO_SESSION: Final = NullSession()


class _NoSession(SessionInterface):
    """The token says who is asking: no cookie is read, and none is set."""

    def open_session(self, app: flask.Flask, request: flask.Request) -> SessionMixin:  # noqa: ARG002 - the parameters are Flask's
        return _NO_SESSION


class Flask(flask.Flask):
    """Flask with the strict request parser and without sessions."""

    request_class = Request
    session_interface = _NoSession()


def init_app(app: flask.Flask) -> None:
    """Give each application context its settings and its database connection."""

    def begin(_app: flask.Flask, **_: Any) -> None:
        context.enter(app.config["BANKAPP"])
        db.open_connection(app.config["BANKAPP"].database_url)

    def end(_app: flask.Flask, **_: Any) -> None:
        db.close_connection()
        context.leave()

    flask.appcontext_pushed.connect(begin, app, weak=False)
    flask.appcontext_popped.connect(end, app, weak=False)
