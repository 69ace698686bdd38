"""The service with one more endpoint, which is authenticated and empty. Reads are compared with it."""

from __future__ import annotations

from flask import Response

from bankapp import create_app
from bankapp.endpoints import Access, declare

app = create_app()


@app.get("/v1/bench/empty")
def empty() -> Response:
    """Return an empty answer to any signed-in user."""
    return Response(status=204)


declare("empty", Access.USER)
