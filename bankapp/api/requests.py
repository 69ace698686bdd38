"""Before and after every request: its context, its headers, its line in the log."""

from __future__ import annotations

import ipaddress
import re
import time
from typing import Final

from flask import Flask, Request, Response, g, request
from flask.sessions import SessionInterface
from werkzeug.middleware.proxy_fix import ProxyFix

from bankapp import context, database, ids
from bankapp.context import Context
from bankapp.logging import access

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_DEVICE_ID: Final = re.compile(r"[\x20-\x7e]{1,128}")

# What an answer has that says nothing else: pages have policies of their own.
_DEFAULT_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}
_PRODUCTION_HEADERS: Final = {"Strict-Transport-Security": "max-age=31536000; includeSubDomains"}


class _NoSession(SessionInterface):
    """Who asks is in the token: no cookie is read, and none is set."""

    def open_session(self, app: Flask, request: Request) -> None:  # noqa: ARG002 - the parameters are Flask's
        return None


def init_app(app: Flask) -> None:
    """Register the hooks; they must be the first to run before a request."""
    settings = app.config["BANKAPP"]
    defaults = _DEFAULT_HEADERS | (_PRODUCTION_HEADERS if settings.is_production else {})
    app.session_interface = _NoSession()
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0)  # type: ignore[method-assign]  # how Flask wraps

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        context.begin(Context(_request_id(), _client_ip(), _device_id()))
        database.keep_connection()

    @app.after_request
    def finish(response: Response) -> Response:
        headers, request_id = response.headers, context.current().request_id
        if request_id:
            headers["X-Request-Id"] = request_id
        there = {name.lower() for name in headers.keys()}  # noqa: SIM118 - iterating gives pairs
        for name, value in defaults.items():
            if name.lower() not in there:
                headers.add(name, value)
        _log(response)
        return response

    @app.teardown_request
    def end(_: BaseException | None) -> None:
        context.clear()
        database.release_connection()


def _log(response: Response) -> None:
    current = context.current()
    method, path, status = request.method, request.path, response.status_code
    access.info(
        "%s %s %s",
        method,
        path,
        status,
        extra={
            "method": method,
            "path": path,
            "status": status,
            "latency_ms": round((time.perf_counter() - g.started) * 1000, 3),
            "user_id": current.user.id if current.user else None,
            "ip": current.ip_address,
            "device_id": current.device_id,
        },
    )


def _request_id() -> str:
    given = request.headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else ids.new()


def _device_id() -> str | None:
    given = request.headers.get("X-Device-Id", "")
    return given if _DEVICE_ID.fullmatch(given) else None


def _client_ip() -> str | None:
    # Behind trusted proxies the address comes from a header that anybody may have begun; what does not
    # parse is not written anywhere, and the peer's own address stands in.
    original = request.environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR")
    return next((found for text in (request.remote_addr, original) if (found := _address(text or ""))), None)


def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # A zone is free text of any length; an IPv4 address in IPv6 clothes is the same client.
        return str(address.ipv4_mapped or ipaddress.IPv6Address(int(address)))
    return str(address)
