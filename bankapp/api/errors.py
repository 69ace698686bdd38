"""The one error envelope: this module writes every error as problem+json (RFC 9457)."""

from __future__ import annotations

import json
import logging
from typing import Any, Final

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from bankapp import context, db, errors, tracing
from bankapp.errors import BankError
from bankapp.services.idempotency import Answer

MEDIA_TYPE: Final = "application/problem+json"

STATUSES: Final[dict[type[BankError], int]] = {
    errors.MalformedRequest: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.MethodNotAllowed: 405,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.PreconditionFailed: 412,
    errors.PayloadTooLarge: 413,
    errors.UnsupportedMediaType: 415,
    errors.Refused: 422,
    errors.PreconditionRequired: 428,
    errors.RateLimited: 429,
    errors.Unavailable: 503,
}

log = logging.getLogger(__name__)


def status_of(kind: type[BankError]) -> int:
    """Return the HTTP status of an error class: its own, or that of the nearest class above it."""
    return next((STATUSES[base] for base in kind.__mro__ if base in STATUSES), 500)


def render(problem: BankError) -> Answer:
    """Write ``problem`` as a problem document."""
    status = status_of(type(problem))
    document: dict[str, Any] = {
        "type": f"urn:bankapp:problem:{problem.code}",
        "title": problem.title,
        "status": status,
        "detail": problem.detail,
        "instance": request.path,
        "code": problem.code,
        "request_id": context.current().request_id,
    }
    if status == 422:
        document["errors"] = dict(problem.errors or {})
    document |= problem.extra
    if (trace_id := tracing.trace_id()) is not None:
        document["trace_id"] = trace_id
    return Answer(status, json.dumps(document, separators=(",", ":")).encode(), MEDIA_TYPE)


def respond(problem: BankError) -> Response:
    """Return the response for ``problem``, with the headers that its status needs."""
    answer = render(problem)
    response = Response(answer.body, answer.status, content_type=answer.media_type)
    if answer.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if isinstance(problem, errors.EncodingNotSupported):
        response.headers["Accept-Encoding"] = "identity"  # RFC 9110 §15.5.16
    if problem.retry_after_seconds is not None:
        response.headers["Retry-After"] = str(problem.retry_after_seconds)
    return response


def _from_http(problem: HTTPException) -> BankError:
    # Werkzeug's own descriptions are left out: they address a person with a browser, not a client.
    kinds: dict[int | None, type[BankError]] = {
        404: errors.NotFound,
        405: errors.MethodNotAllowed,
        413: errors.PayloadTooLarge,
        415: errors.UnsupportedMediaType,
        429: errors.RateLimited,
        503: errors.Unavailable,
    }
    kind = kinds.get(problem.code)
    if kind is not None:
        return kind()
    if problem.code is not None and 400 <= problem.code < 500:
        return errors.MalformedRequest()
    return BankError()


def init_app(app: Flask) -> None:
    """Register three handlers: for BankError, for Werkzeug's HTTP errors, for every other exception."""

    @app.errorhandler(BankError)
    def refused(problem: BankError) -> Response:
        if isinstance(problem, errors.Unavailable) and problem.__cause__ is not None:
            cause = problem.__cause__
            # One line: during an outage every request has one.
            log.warning("%s %s: %s", problem.detail, type(cause).__name__, str(cause).partition("\n")[0])
        return respond(problem)

    @app.errorhandler(HTTPException)
    def http(problem: HTTPException) -> Response:
        response = problem.get_response()
        if isinstance(response, Response) and problem.code is not None and problem.code < 400:
            return response
        answer = respond(_from_http(problem))
        if "Allow" in response.headers:
            answer.headers["Allow"] = response.headers["Allow"]
        return answer

    @app.errorhandler(Exception)
    def unexpected(problem: Exception) -> Response:
        if (outage := db.outage_of(problem)) is not None:
            outage.__cause__ = problem
            return refused(outage)
        log.error("unexpected error", exc_info=problem)
        return respond(BankError("Something went wrong on our side. Please quote the request id when you contact us."))
