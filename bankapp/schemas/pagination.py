"""Pages of a list: ``limit`` and an opaque ``cursor`` in, ``items`` and ``next_cursor`` out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from itsdangerous import BadData, Signer
from itsdangerous.encoding import base64_decode, base64_encode
from marshmallow import ValidationError, fields, post_load, validate

from bankapp import clock, context
from bankapp.listing import Position, Window
from bankapp.schemas.base import BaseSchema, QueryInteger, QuerySchema

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100


def _signer(listing: Any, query: Mapping[str, str]) -> Signer:
    # Whose list and how it is narrowed decides what a position is made of.
    narrowed = sorted(item for item in query.items() if item[0] not in ("limit", "cursor"))
    salt = orjson.dumps(["cursor", type(listing).__name__, context.current().subject, narrowed])
    return Signer(context.config().secret_key, salt=salt)


class Cursor(fields.String):
    """Where the next page begins. It is signed, and bound to the list, its filters and the reader."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        try:
            parts = orjson.loads(base64_decode(_signer(self.parent, data).unsign(value)))
        except BadData:
            raise ValidationError("Not a cursor of this list.") from None
        return tuple(clock.from_text(part["t"]) if isinstance(part, dict) else part for part in parts)


class PageQuery(QuerySchema):
    """The query parameters of every list; they arrive in the view as ``window``."""

    limit = QueryInteger(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT),
        metadata={"example": DEFAULT_LIMIT, "description": "How many items a page has at most."},
    )
    cursor = Cursor(
        load_default=None,
        metadata={
            "description": "`next_cursor` of the page before.",
            "minLength": 1,
            # The alphabet of a signed value, in Base64 for addresses (RFC 4648 §5).
            "pattern": "^[A-Za-z0-9_.-]+$",
        },
    )

    @post_load
    def make_window(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Turn limit and cursor into the window that repositories take."""
        return data | {"window": Window(data.pop("limit"), data.pop("cursor"))}

    def encode(self, position: Position | None, query: Mapping[str, str]) -> str | None:
        """Return the cursor for the page after ``position`` of the list that ``query`` asked for."""
        if position is None:
            return None
        parts = [{"t": clock.to_text(part)} if isinstance(part, datetime) else part for part in position]
        return _signer(self, query).sign(base64_encode(orjson.dumps(parts))).decode()


def page_of(item: type[BaseSchema]) -> type[BaseSchema]:
    """Return the schema of a page of ``item``."""
    return BaseSchema.from_dict(  # type: ignore[return-value]  # a subclass of what it is called on
        {
            "items": fields.List(fields.Nested(item)),
            "next_cursor": fields.String(allow_none=True, metadata={"example": None}),
        },
        name=f"{item.__name__}Page",
    )
