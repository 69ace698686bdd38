"""What ids and numbers look like in a path."""

from __future__ import annotations

from flask import Flask
from werkzeug.routing import BaseConverter

from bankapp import ids
from bankapp.extensions import api


class IdConverter(BaseConverter):
    """Matches an id. A path with anything else is an unknown path (404)."""

    regex = ids.PATTERN


class NumberConverter(BaseConverter):
    """Matches a number from 1 to 999,999,999 in its one spelling; a path with anything else does not exist."""

    regex = "[1-9][0-9]{0,8}"

    def to_python(self, value: str) -> int:
        """Read the number."""
        return int(value)


def init_app(app: Flask) -> None:
    """Register ``<id:…>`` and ``<number:…>`` for paths."""
    app.url_map.converters |= {"id": IdConverter, "number": NumberConverter}


def register() -> None:
    """Describe an id and a number in a path for the OpenAPI document."""
    api.register_converter(IdConverter, lambda _: {"type": "string", "format": "uuid"})
    api.register_converter(NumberConverter, lambda _: {"type": "integer", "minimum": 1, "maximum": 999_999_999})
