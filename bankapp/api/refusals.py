"""Answers requests that the server could not read, as the application answers its own errors.

The server passes such a request on with a :class:`Refusal` in its environment. So the answer has the request id, the
headers, the line in the log and the metrics of every other request.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from flask import Flask, Response, request

from bankapp import errors
from bankapp.api.errors import render, respond

KEY: Final = "bankapp.refusal"

_KINDS: Final[dict[int, type[errors.BankError]]] = {500: errors.BankError, 503: errors.Unavailable}


@dataclass(frozen=True)
class Refusal:
    """Why the server does not serve a request: the status of the answer, and a sentence for the client."""

    status: int
    detail: str


def init_app(app: Flask) -> None:
    """Let ``app`` answer the requests that carry a refusal, before it asks who sends them.

    The hook stands behind the first one, which makes the request's context.
    """
    app.before_request_funcs.setdefault(None, []).insert(1, _refuse)


def _refuse() -> Response | None:
    refusal: Refusal | None = request.environ.get(KEY)
    if refusal is None:
        return None
    kind = _KINDS.get(refusal.status, errors.MalformedRequest)
    problem = kind(refusal.detail, retry_after_seconds=1 if refusal.status == 503 else None)
    response = respond(problem)
    if response.status_code != refusal.status:
        # HTTP has a separate status for it; the code is that of every unreadable request.
        response.status_code = refusal.status
        response.set_data(
            json.dumps(json.loads(render(problem).body) | {"status": refusal.status}, separators=(",", ":"))
        )
    return response
