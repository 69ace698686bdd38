"""The streams of events, numbered at once: tests run no worker."""

from __future__ import annotations

import re
from typing import Any

from flask import Flask

from bankapp.services import events
from tests.support.factories import Caller, ok


def number(app: Flask) -> int:
    """Number every event that has no position yet, and return how many that were."""
    numbered = 0
    with app.app_context():
        while done := events.number():
            numbered += done
    return numbered


def stream(app: Flask, caller: Caller, query: str = "after=0") -> list[dict[str, Any]]:
    """Number all events and return those of the caller's stream, which ``query`` narrows."""
    number(app)
    items: list[dict[str, Any]] = []
    while True:
        stretch = ok(caller.get(f"/events?{query}"))
        items += stretch["items"]
        if not stretch["has_more"]:
            return items
        query = re.sub(r"after=\d+", f"after={stretch['last_position']}", query)


def types(items: list[dict[str, Any]]) -> list[str]:
    return [item["type"] for item in items]
