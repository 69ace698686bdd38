"""The service with one more endpoint, which is authenticated and empty. Reads are compared with it."""

from __future__ import annotations

from flask import Response

from bankapp import create_app
from bankapp.api.security import Access

app = create_app()


@app.get("/v1/bench/empty")
def empty() -> Response:
    """Return an empty answer to any signed-in user."""
    return Response(status=204)


app.view_functions["empty"].access = Access.USER  # type: ignore[attr-defined]  # where the access check looks
