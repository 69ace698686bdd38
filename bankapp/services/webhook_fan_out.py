"""The fan-out of events: a delivery for each endpoint that wants an event, once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from bankapp import db
from bankapp.models import NumberedEvent, WebhookEndpointRecord
from bankapp.repositories import events, webhook_deliveries
from bankapp.repositories import webhook_endpoints as endpoint_rows
from bankapp.services import webhook_endpoints

AT_ONCE: Final = 500
"""How many events one transaction reads."""


def fan_out(limit: int = AT_ONCE) -> int:
    """Make the deliveries of the next ``limit`` events of the bank's stream; return how many events that were.

    The deliveries and the position up to which the stream was read are stored in one transaction, and one
    transaction at a time does that. So no event is left out, and none is taken twice.
    """
    if webhook_deliveries.last_fanned_out() >= events.last_position(None):
        # Without this look, an idle fan-out would take SQLite's only write lock several times a second.
        return 0

    def make() -> int:
        found = events.numbered_after(webhook_deliveries.lock_fan_out(), limit)
        if found:
            _make_deliveries(found)
            webhook_deliveries.advance_fan_out(found[-1].position)
        return len(found)

    return db.run(make)


def _make_deliveries(found: Sequence[NumberedEvent]) -> None:
    by_user: dict[str, list[WebhookEndpointRecord]] = {}
    for endpoint in endpoint_rows.active_of(sorted({event.user_id for event in found})):
        by_user.setdefault(endpoint.user_id, []).append(endpoint)
    webhook_deliveries.add(
        [
            webhook_endpoints.new_delivery(
                endpoint.id, event.id, event.type, position=event.user_position, account_id=event.account_id
            )
            for event in found
            for endpoint in by_user.get(event.user_id, ())
            if _wants(endpoint, event)
        ]
    )


def _wants(endpoint: WebhookEndpointRecord, event: NumberedEvent) -> bool:
    # What happened before the subscription is sent by a replay only.
    is_new = event.created_at >= endpoint.created_at
    return is_new and (endpoint.event_types is None or event.type in endpoint.event_types)
