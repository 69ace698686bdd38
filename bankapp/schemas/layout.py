"""Laying answers out: what marshmallow's ``dump`` does, with the way through a schema found once.

``dump`` finds it anew for every field of every row, which was a third of what a page of an account's
history cost (see docs/performance.md).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from marshmallow import Schema, fields, missing

from bankapp import clock
from bankapp.schemas.base import Timestamp

Writer = Callable[[Any], Any]


def json_of(schema: Schema) -> Callable[[Any], bytes]:
    """Return a function that writes an object, or a row as a dictionary, as the JSON that ``schema`` describes.

    A field that the schema calls ``optional`` is left out where it has no value.
    """
    lay_out = _layout_of(schema)
    return lambda found: orjson.dumps(lay_out(found), option=orjson.OPT_UTC_Z)


def _layout_of(schema: Schema) -> Writer:
    optional: frozenset[str] = getattr(schema, "optional", frozenset())
    if not _is_plain(schema):
        return lambda found: {
            key: value for key, value in schema.dump(found).items() if not (value is None and key in optional)
        }
    parts = [
        (field.data_key or name, field.attribute or name, _writer(field), field.dump_default, name in optional)
        for name, field in schema.dump_fields.items()
    ]

    def lay_out(found: Any) -> dict[str, Any]:
        document = {}
        is_row = isinstance(found, dict)
        for key, name, write, default, may_lack in parts:
            value = found.get(name, default) if is_row else getattr(found, name, default)
            if value is missing or (value is None and may_lack):
                continue
            document[key] = None if value is None else write(value)
        return document

    return lay_out


def _is_plain(schema: Schema) -> bool:
    """Tell whether each field of ``schema`` is found by its name and written by itself."""
    return (
        not schema._hooks["pre_dump"]
        and not schema._hooks["post_dump"]
        and type(schema).get_attribute is Schema.get_attribute
        and all(field._CHECK_ATTRIBUTE and not callable(field.dump_default) for field in schema.dump_fields.values())
    )


def _writer(field: fields.Field[Any]) -> Writer:
    if isinstance(field, fields.Nested):
        one = _layout_of(field.schema)
        return (lambda found: [one(item) for item in found]) if field.many else one
    if isinstance(field, fields.List):
        each = _writer(field.inner)
        return lambda found: [each(item) for item in found]
    if type(field)._serialize is Timestamp._serialize:
        return _time
    if type(field)._serialize is fields.String._serialize:
        return str
    if isinstance(field, fields.Integer) and not field.as_string:
        return int
    return lambda value: field._serialize(value, field.name, None)


def _time(moment: datetime) -> datetime | str:
    # orjson writes a time in UTC as the clock does, and much faster; but for whole seconds it leaves the fraction out.
    return moment if moment.microsecond and not moment.utcoffset() else clock.to_text(moment)
