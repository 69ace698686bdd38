"""The security log: the user's own rows of the audit log."""

from __future__ import annotations

from typing import Final

from bankapp.schemas.audit_logs import AuditLogQuery
from bankapp.services import audit
from bankapp.web import display
from bankapp.web.pages import Pages, argument, load, render

blueprint = Pages("activity", __name__)

_LIMIT: Final = "20"
_TYPES: Final = ("transfer", "deposit", "withdrawal", *display.EVENT_NAMES)


@blueprint.page("/activity")
def activity() -> str:
    """Return the newest events."""
    return render("activity", types=_TYPES, **_events())


@blueprint.page("/activity/more")
def more() -> str:
    """Return the next page of events."""
    return render("events", **_events())


def _events() -> dict[str, object]:
    event_type, cursor = argument("event_type"), argument("cursor")
    values = {"event_type": event_type, "cursor": cursor}
    query = {"limit": _LIMIT} | {name: value for name, value in values.items() if value}
    arguments = load(AuditLogQuery(), query)
    page = audit.search(
        user_id=None, event_type=arguments["event_type"], start=None, end=None, window=arguments["window"]
    )
    return {
        "items": page.items,
        "cursor": AuditLogQuery().encode(page.next_position, query),
        "event_type": event_type,
        "is_continued": bool(cursor),
        "last_day": argument("last_day"),
    }
