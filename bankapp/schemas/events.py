"""Wire shapes of events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from marshmallow import Schema, fields, validate

from bankapp.models import (
    AccountRecord,
    ApiKeyRecord,
    CardLimitsRecord,
    CardRecord,
    SessionRecord,
    TransactionRecord,
    TransferRecord,
    WebhookEndpointRecord,
)
from bankapp.models.event import TYPES
from bankapp.schemas.accounts import Account
from bankapp.schemas.api_keys import ApiKey
from bankapp.schemas.auth import Session
from bankapp.schemas.authorizations import Authorization
from bankapp.schemas.base import BaseSchema, Choice, Identifier, QueryInteger, QuerySchema, Timestamp, example_of
from bankapp.schemas.cards import Card, CardLimits
from bankapp.schemas.transactions import Transaction
from bankapp.schemas.transfers import Transfer
from bankapp.schemas.webhook_endpoints import WebhookEndpoint
from bankapp.services.events import LATEST, STREAMS, USER, PastAuthorization

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 100
MAX_WAIT_SECONDS: Final = 25


class PastSession(Session):
    """A session in an event, which does not tell whether it is that of the reader."""

    current = fields.Function(lambda _: False, metadata={"type": "boolean", "example": False})


_SHAPES: Final[Mapping[type, Schema]] = {
    TransactionRecord: Transaction(),
    TransferRecord: Transfer(),
    AccountRecord: Account(),
    CardRecord: Card(),
    CardLimitsRecord: CardLimits(),
    PastAuthorization: Authorization(),
    SessionRecord: PastSession(),
    ApiKeyRecord: ApiKey(),
    WebhookEndpointRecord: WebhookEndpoint(),
}
"""Record of a resource → its shape."""


class Resource(fields.Field[Any]):
    """The resource of an event, in the shape in which its own endpoint answers it."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return _SHAPES[type(value)].dump(value)


class Event(BaseSchema):
    """One thing that happened. ``data`` is the resource as it was then."""

    id = Identifier()
    type = Choice("EventType", *TYPES)
    position = fields.Integer(metadata={"description": "The place in the stream, from 1.", "example": 42})
    created_at = Timestamp()
    user_id = Identifier()
    resource_type = fields.String(metadata={"example": "transaction"})
    resource_id = Identifier()
    data = Resource(
        attribute="resource",
        metadata={
            "anyOf": [
                {"$ref": f"#/components/schemas/{type(shape).__name__.removeprefix('Past')}"}
                for shape in _SHAPES.values()
            ],
            "example": example_of(Transaction()),
        },
    )


class Stretch(BaseSchema):
    """A part of a stream. ``last_position`` is the position up to which it was read."""

    items = fields.List(fields.Nested(Event))
    last_position = fields.Integer(metadata={"example": 42})
    has_more = fields.Boolean(metadata={"example": False})


class EventFilter(QuerySchema):
    """Where in a stream to begin, and which of its events are wanted."""

    after: fields.Field[Any] = QueryInteger(
        load_default=None,
        validate=validate.Range(0),
        metadata={
            "description": "The position after which to begin. Without it, the list begins at the oldest event kept.",
            "example": 41,
        },
    )
    type = Choice("EventType", *TYPES, load_default=None)
    resource_id = Identifier(load_default=None)
    stream = Choice(
        "EventStream",
        *STREAMS,
        load_default=USER,
        metadata={"description": "`bank` is the stream of all users, for admins."},
    )


_POSITION: Final = QueryInteger(validate=validate.Range(0))


class Start(fields.Field[Any]):
    """A position, or the word for the last one."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        return LATEST if value == LATEST else _POSITION.deserialize(value, attr, data, **kwargs)


class EventStart(EventFilter):
    """Where a stream that stays open begins, and which of its events are wanted."""

    after = Start(
        load_default=None,
        metadata={
            "type": ["integer", "string"],
            "minimum": 0,
            "pattern": f"^{LATEST}$",
            "description": (
                "The position after which to begin; `latest` begins with the next event. Without it, the stream begins"
                " at the oldest event kept."
            ),
            "example": LATEST,
        },
    )


class EventQuery(EventFilter):
    """Which events to list, and how long to wait for the first of them."""

    limit = QueryInteger(
        load_default=DEFAULT_LIMIT,
        validate=validate.Range(1, MAX_LIMIT),
        metadata={"example": DEFAULT_LIMIT, "description": "How many events are listed at most."},
    )
    wait_seconds = QueryInteger(
        load_default=0,
        validate=validate.Range(0, MAX_WAIT_SECONDS),
        metadata={
            "example": MAX_WAIT_SECONDS,
            "description": "How many seconds an answer without events waits for one.",
        },
    )
