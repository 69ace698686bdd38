"""The OpenAPI document and Swagger UI. Its files come from this server, so it works without the internet."""

from __future__ import annotations

from pathlib import Path

import flask_swagger_ui
from flask import Blueprint, Flask, Response, jsonify, render_template, send_from_directory

from bankapp import endpoints
from bankapp.api import error_page
from bankapp.endpoints import Access
from bankapp.extensions import api

blueprint = Blueprint("docs", __name__)

_DIST = Path(flask_swagger_ui.__file__).parent / "dist"
# Swagger UI sets styles on its elements and draws its icons from data URLs.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " connect-src 'self'; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


@blueprint.get("/openapi.json")
def document() -> Response:
    """Return the OpenAPI 3.1 document."""
    return jsonify(api.spec.to_dict())


@blueprint.get("/docs")
def page() -> Response:
    """Return the page of Swagger UI, which documents and calls the API."""
    response = Response(render_template("docs.html"))
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@blueprint.get("/docs/errors")
def error_codes() -> str:
    """Return the page that explains the error codes; ``/docs/errors#not_found`` shows one of them."""
    return render_template("error_codes.html", rows=error_page.rows())


@blueprint.get("/docs/<path:name>")
def asset(name: str) -> Response:
    """Return a file of Swagger UI."""
    return send_from_directory(_DIST, name)


def init_app(app: Flask) -> None:
    """Serve the documentation if ``DOCS_ENABLED`` is on."""
    if app.config["BANKAPP"].docs_enabled:
        app.register_blueprint(blueprint)
        for name in ("document", "page", "error_codes", "asset"):
            endpoints.declare(f"{blueprint.name}.{name}", Access.PUBLIC)
