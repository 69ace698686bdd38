"""Wire shapes of webhook endpoints and their deliveries."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from bankapp.models.event import TYPES
from bankapp.models.webhook import DELIVERY_STATUSES, ENDPOINT_STATUSES, ORDERINGS, REASONS
from bankapp.outgoing.urls import MAX_LENGTH, PATTERN
from bankapp.schemas.base import (
    BaseSchema,
    Choice,
    Identifier,
    StrictBoolean,
    StrictInteger,
    Timestamp,
)
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import FreeText

EXAMPLE_URL: Final = "https://ada.example/bank-events"
_LAST_POSITION: Final = 2**53 - 1


class Url(fields.String):
    """A URL in ASCII; the service says which ones are accepted."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "uri", "pattern": PATTERN, "example": EXAMPLE_URL}
        length = validate.Length(max=MAX_LENGTH)
        super().__init__(validate=[length, validate.Regexp(PATTERN)], metadata=metadata, **kwargs)


class EventTypes(fields.List[str]):
    """A list of types of events, each once."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"uniqueItems": True, "example": ["transaction.created"]} | kwargs.pop("metadata", {})
        super().__init__(
            Choice("EventType", *TYPES),
            validate=[validate.Length(1, len(TYPES)), _check_unique],
            metadata=metadata,
            **kwargs,
        )


def _check_unique(values: list[str]) -> None:
    if len(set(values)) < len(values):
        raise ValidationError("Must not have the same type twice.")


def _description(**kwargs: Any) -> FreeText:
    return FreeText(max_length=140, allow_none=True, metadata={"example": "Bookkeeping"}, **kwargs)


class NewWebhookEndpoint(BaseSchema):
    """An endpoint to make. Without ``event_types`` it gets events of every type."""

    url = Url(required=True)
    event_types = EventTypes(load_default=None, allow_none=True)
    description = _description(load_default=None)
    ordering = Choice("WebhookOrdering", *ORDERINGS, load_default="none")
    status = Choice("WebhookEndpointStatus", *ENDPOINT_STATUSES, load_default="active")


class WebhookEndpointChange(BaseSchema):
    """Changes of a webhook endpoint."""

    url = Url()
    event_types = EventTypes(allow_none=True)
    description = _description()
    ordering = Choice("WebhookOrdering", *ORDERINGS)
    status = Choice("WebhookEndpointStatus", *ENDPOINT_STATUSES)


class WebhookEndpoint(BaseSchema):
    """A URL to which events are sent. ``failing_since`` is the first failure after the last success."""

    id = Identifier()
    url = fields.String(metadata={"example": EXAMPLE_URL})
    event_types = fields.List(
        Choice("EventType", *TYPES), allow_none=True, metadata={"example": ["transaction.created"]}
    )
    description = fields.String(allow_none=True, metadata={"example": "Bookkeeping"})
    status = Choice("WebhookEndpointStatus", *ENDPOINT_STATUSES)
    ordering = Choice("WebhookOrdering", *ORDERINGS)
    disabled_reason = fields.String(
        allow_none=True,
        metadata={"example": None, "description": f"{', '.join(f'`{reason}`' for reason in REASONS)}, or null."},
    )
    disabled_at = Timestamp(allow_none=True)
    failing_since = Timestamp(allow_none=True)
    previous_secret_expires_at = Timestamp(allow_none=True)
    created_at = Timestamp()


class WebhookEndpointWithSecret(WebhookEndpoint):
    """An endpoint with its new secret, shown in this answer only; a replay has null."""

    secret = fields.String(allow_none=True, metadata={"example": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD8U3kk0YGRnU="})

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Read the secret beside the endpoint, everything else from it."""
        return super().get_attribute(obj if attr == "secret" else obj.endpoint, attr, default)


class WebhookEndpointQuery(PageQuery):
    """The list of endpoints."""


class WebhookDelivery(BaseSchema):
    """One event on its way to an endpoint.

    ``status_code``, ``latency_ms``, ``error`` and ``answer`` are of the last attempt that ended. ``error`` says why
    there was no answer, ``answer`` has its first 1,024 bytes.
    """

    id = Identifier()
    event_id = Identifier()
    event_type = fields.String(metadata={"example": "transaction.created"})
    position = fields.Integer(allow_none=True, metadata={"example": 42})
    status = Choice("WebhookDeliveryStatus", *DELIVERY_STATUSES)
    attempts = fields.Integer(metadata={"example": 1})
    next_attempt_at = Timestamp()
    attempted_at = Timestamp(allow_none=True)
    status_code = fields.Integer(allow_none=True, metadata={"example": 500})
    latency_ms = fields.Integer(allow_none=True, metadata={"example": 87})
    error = fields.String(allow_none=True, metadata={"example": None})
    answer = fields.String(allow_none=True, metadata={"example": "Internal Server Error"})
    created_at = Timestamp()
    finished_at = Timestamp(allow_none=True)


class WebhookDeliveryQuery(PageQuery):
    """The list of deliveries, of all or of one status."""

    status = Choice("WebhookDeliveryStatus", *DELIVERY_STATUSES, load_default=None)


def _position(**kwargs: Any) -> StrictInteger:
    return StrictInteger(validate=validate.Range(1, _LAST_POSITION), metadata={"example": 42}, **kwargs)


class NewWebhookReplay(BaseSchema):
    """Which events to send again: from one position of your stream to another, or to the last."""

    from_position = _position(required=True)
    to_position = _position(load_default=None, allow_none=True)
    types = EventTypes(load_default=None, allow_none=True)
    only_failed = StrictBoolean(load_default=False, metadata={"example": False})


class WebhookReplay(BaseSchema):
    """How many deliveries were made or renewed, and the position of the last event that was looked at."""

    deliveries = fields.Integer(metadata={"example": 12})
    last_position = fields.Integer(metadata={"example": 54})
    has_more = fields.Boolean(metadata={"example": False})
