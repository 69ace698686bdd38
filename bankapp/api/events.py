"""The streams of events: in pages, with a long poll, and as server-sent events."""

from __future__ import annotations

from typing import Final

from flask import Response, request

from bankapp import context, errors
from bankapp.api import parking
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.api.parking import Park
from bankapp.schemas import events as schemas
from bankapp.schemas.layout import json_of
from bankapp.services import events
from bankapp.services.events import Start, Stretch

blueprint = Blueprint("events", __name__, "What happened, in the order in which it was numbered")

HEARTBEAT_SECONDS: Final = 15
WRITTEN_AT_ONCE: Final = 100
"""How many events a stream writes before the client must have taken them."""
RETRY: Final = b"retry: 2000\n\n"
MAX_POSITION_DIGITS: Final = 18

_LAST_EVENT_ID: Final = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "The position after which the stream goes on. It replaces `after`; a browser sends it by itself.",
    "schema": {"type": "string", "pattern": f"^[0-9]{{1,{MAX_POSITION_DIGITS}}}$"},
}

_json_of_event = json_of(schemas.Event())


@blueprint.operation(
    Operation(
        "GET",
        "/events",
        access=Access.USER,
        scope=Scope.EVENTS_READ,
        query=schemas.EventQuery,
        answer=schemas.Stretch,
        errors=[errors.Forbidden, errors.EventsExpired],
    )
)
def list_events(
    *, after: int | None, type: str | None, resource_id: str | None, stream: str, limit: int, wait_seconds: int
) -> Stretch:
    """List events

    The events after a position of your stream, oldest first. Positions count from 1 without gaps. Pass
    `last_position` of one answer as `after` of the next request. With `wait_seconds` the answer waits for an event.
    """
    found = events.read(after, stream=stream, type=type, resource_id=resource_id, limit=limit)
    if wait_seconds and not found.items:
        parking.park(Park(_user_id(stream), wait_seconds))
    return found


@blueprint.operation(
    Operation(
        "GET",
        "/events/stream",
        access=Access.USER,
        scope=Scope.EVENTS_READ,
        query=schemas.EventStart,
        errors=[errors.Forbidden, errors.EventsExpired],
        streams=True,
        parameters=[_LAST_EVENT_ID],
    )
)
def stream_events(after: Start, type: str | None, resource_id: str | None, stream: str) -> Response:
    """Stream events

    Server-sent events: `id` is the position, `event` the type, `data` the event as `GET /v1/events` shows it. A
    connection that is lost goes on after `Last-Event-ID`. A comment comes every 15 seconds. The stream ends when the
    access token expires or is revoked.
    """
    position = parking.position()
    start = _last_event_id(after) if position is None else position
    found = events.read(start, stream=stream, type=type, resource_id=resource_id, limit=WRITTEN_AT_ONCE)
    begun = parking.stream(len(found.items))
    parking.park(Park(_user_id(stream), HEARTBEAT_SECONDS, found.last_position, found.has_more, begun))
    # An iterator, because Werkzeug would declare the length of bytes.
    parts = iter([_written(found, is_begin=position is None)])
    response = Response(parts, content_type="text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def _user_id(stream: str) -> str | None:
    return None if stream == events.BANK else context.user().id


def _last_event_id(after: Start) -> Start:
    text = request.headers.get("Last-Event-ID")
    if text is None:
        return after
    if not (text.isascii() and text.isdigit() and len(text) <= MAX_POSITION_DIGITS):
        raise errors.ValidationFailed(errors={"Last-Event-ID": ["Must be a position."]})
    return int(text)


def _written(found: Stretch, *, is_begin: bool) -> bytes:
    """Write a stretch as server-sent events (HTML Living Standard, section 9.2).

    The last lines name the position up to which the stream was read, without an event. So a client does not read again
    what a filter left out.
    """
    parts = [RETRY] if is_begin else []
    parts += [
        b"id: %d\nevent: %s\ndata: %s\n\n" % (event.position, event.type.encode(), _json_of_event(event))
        for event in found.items
    ]
    if not found.items or found.items[-1].position != found.last_position:
        parts.append(b"id: %d\n" % found.last_position + parking.HEARTBEAT)
    return b"".join(parts)
