"""The service as it is, plus one empty authenticated endpoint to compare reads with."""

from __future__ import annotations

from flask import Response

from bankapp import create_app
from bankapp.api.security import Access

app = create_app()


@app.get("/v1/bench/empty")
def empty() -> Response:
    """Answer nothing, to whoever has a valid token."""
    return Response(status=204)


app.view_functions["empty"].access = Access.USER  # type: ignore[attr-defined]  # where the access check looks
