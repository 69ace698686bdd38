"""The path converter for ids."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import BaseConverter

from bankapp import ids
from bankapp.extensions import api


class IdConverter(BaseConverter):
    """Matches an id. A path with anything else is an unknown path (404)."""

    regex = ids.PATTERN


def init_app(app: Flask) -> None:
    """Register ``<id:…>`` for the paths of ``app``."""
    app.url_map.converters["id"] = IdConverter


def register() -> None:
    """Describe an id in a path for the OpenAPI document."""
    api.register_converter(IdConverter, lambda _: {"type": "string", "format": "uuid"})
