"""What an id looks like in a path."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import BaseConverter

from bankapp import ids
from bankapp.extensions import api


class IdConverter(BaseConverter):
    """Matches an id; a path with anything else does not exist."""

    regex = ids.PATTERN


def init_app(app: Flask) -> None:
    """Register ``<id:…>`` for paths and for the OpenAPI document."""
    app.url_map.converters["id"] = IdConverter


def register() -> None:
    """Tell the OpenAPI document what an id in a path is."""
    api.register_converter(IdConverter, lambda _: {"type": "string", "format": "uuid"})
