"""Activity: the audit log, as the person it is about reads it."""

from __future__ import annotations

from typing import Final

from bankapp.schemas.audit_logs import AuditLogQuery
from bankapp.services import audit
from bankapp.web import display
from bankapp.web.pages import Pages, argument, load, render

blueprint = Pages("activity", __name__)

_LIMIT: Final = "20"
_KINDS: Final = ("transfer", "deposit", "withdrawal", *display.EVENT_NAMES)


@blueprint.page("/activity")
def activity() -> str:
    """Answer the newest events."""
    return render("activity", kinds=_KINDS, **_events())


@blueprint.page("/activity/more")
def more() -> str:
    """Answer the next page of events."""
    return render("events", **_events())


def _events() -> dict[str, object]:
    names = {"event_type": argument("event_type"), "cursor": argument("cursor")}
    query = {"limit": _LIMIT} | {name: value for name, value in names.items() if value}
    asked = load(AuditLogQuery(), query)
    page = audit.search(user_id=None, event_type=asked["event_type"], start=None, end=None, window=asked["window"])
    return {
        "items": page.items,
        "cursor": AuditLogQuery().encode(page.next_position, query),
        "event_type": names["event_type"],
        "is_continued": bool(names["cursor"]),
        "last_day": argument("last_day"),
    }
