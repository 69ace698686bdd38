"""The event log: the user's stream of events, newest first, each with its payload."""

from __future__ import annotations

import json
from typing import Final

from bankapp.models.event import TYPES
from bankapp.schemas.events import Event, EventFilter
from bankapp.services import events
from bankapp.web.pages import Pages, argument, load, render

blueprint = Pages("events", __name__)

_LIMIT: Final = 20


@blueprint.page("/developers/events")
def event_log() -> str:
    """Return the newest events of the user's stream."""
    return render("event_log", types=TYPES, **_events())


@blueprint.page("/developers/events/more")
def more() -> str:
    """Return the events before a position, of all types or of one."""
    return render("event_rows", **_events())


def _events() -> dict[str, object]:
    values = {"type": argument("type"), "after": argument("before")}
    arguments = load(EventFilter(), {name: value for name, value in values.items() if value})
    found = events.newest(arguments["after"], type=arguments["type"], limit=_LIMIT + 1)
    items = found[:_LIMIT]
    return {
        "items": [(event, _payload(event)) for event in items],
        "before": items[-1].position if len(found) > _LIMIT else None,
        "type": values["type"],
        "is_continued": bool(values["after"]),
    }


def _payload(event: events.Event) -> str:
    return json.dumps(Event().dump(event), indent=2, ensure_ascii=False)
