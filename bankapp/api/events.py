"""The streams of events."""

from __future__ import annotations

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.schemas import events as schemas
from bankapp.services import events
from bankapp.services.events import Stretch

blueprint = Blueprint("events", __name__, "What happened, in the order in which it was numbered")


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
def list_events(after: int | None, type: str | None, resource_id: str | None, stream: str, limit: int) -> Stretch:
    """List events

    The events after a position of your stream, oldest first. Positions count from 1 without gaps. Pass
    `last_position` of one answer as `after` of the next request.
    """
    return events.read(after, stream=stream, type=type, resource_id=resource_id, limit=limit)
