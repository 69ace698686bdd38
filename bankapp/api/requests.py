"""Hooks before and after every request: context, request id, access log and metrics."""

from __future__ import annotations

import ipaddress
import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from flask import Flask, Response, g, request
from werkzeug.datastructures import Headers
from werkzeug.middleware.proxy_fix import ProxyFix

from bankapp import context, ids, tracing
from bankapp.api import metrics, parking
from bankapp.context import Context
from bankapp.logging import access

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    from bankapp.open_telemetry import Backend

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9-]{8,64}")
_DEVICE_ID: Final = re.compile(r"[\x20-\x7e]{1,128}")


def init_app(app: Flask) -> None:
    """Register the hooks. They must run first: everything else needs the request's context."""
    settings = app.config["BANKAPP"]
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=0)  # type: ignore[method-assign]  # how Flask wraps

    if (spans := tracing.backend()) is not None:
        _trace_requests(app, spans)

    @app.before_request
    def begin() -> None:
        g.started = time.perf_counter()
        headers = request.headers
        context.begin(Context(_request_id(headers), _client_ip(request.environ), _device_id(headers)))

    @app.after_request
    def finish(response: Response) -> Response:
        seconds = time.perf_counter() - g.started
        current = context.current()
        response.headers["X-Request-Id"] = current.request_id
        if parking.is_between():
            return response
        metrics.observe(response.status_code, seconds)
        _log(current, response.status_code, seconds)
        return response


def _trace_requests(app: Flask, spans: Backend) -> None:
    """Register hooks that run before and after all others."""

    @app.before_request
    def begin() -> None:
        route = request.url_rule.rule if request.url_rule else "unknown route"
        attributes = {"http.request.method": request.method, "http.route": route, "url.path": request.path}
        headers = {name.lower(): value for name, value in request.headers}
        g.span = spans.request_span(f"{request.method} {route}", headers, attributes)

    @app.after_request
    def note(response: Response) -> Response:
        g.status = response.status_code
        return response

    @app.teardown_request
    def end(_problem: BaseException | None) -> None:
        if (span := g.pop("span", None)) is not None:
            span.end(g.get("status"))


def _log(current: Context, status: int, seconds: float) -> None:
    method, path = request.method, request.path
    access.info(
        "%s %s %s",
        method,
        path,
        status,
        extra={
            "method": method,
            "path": path,
            "status": status,
            "latency_ms": round(seconds * 1000, 3),
            "user_id": current.user.id if current.user else None,
            "ip": current.ip_address,
            "device_id": current.device_id,
            **({"api_key_id": current.api_key_id} if current.api_key_id else {}),
        },
    )


def _request_id(headers: Headers) -> str:
    text = headers.get("X-Request-Id", "")
    return text if _REQUEST_ID.fullmatch(text) else ids.new()


def _device_id(headers: Headers) -> str | None:
    text = headers.get("X-Device-Id", "")
    return text if _DEVICE_ID.fullmatch(text) else None


def _client_ip(environ: WSGIEnvironment) -> str | None:
    # Behind trusted proxies the address comes from X-Forwarded-For, which a client can forge. If it does not parse,
    # the peer's own address is used.
    address = _address(environ.get("REMOTE_ADDR") or "")
    return address or _address(environ.get("werkzeug.proxy_fix.orig", {}).get("REMOTE_ADDR") or "")


@lru_cache(maxsize=4096)
def _address(text: str) -> str | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        # The zone is dropped: it is free text of any length. A mapped IPv4 address is the same client as the plain one.
        return str(address.ipv4_mapped or ipaddress.IPv6Address(int(address)))
    return str(address)
