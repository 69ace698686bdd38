"""Replays: events that are sent to a webhook endpoint again, or that are older than the endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bankapp import clock, context, errors
from bankapp.models import WebhookEndpointRecord
from bankapp.models.webhook import DEAD, DELIVERED, FAILED
from bankapp.repositories import webhook_deliveries
from bankapp.services import commands, events, webhook_endpoints
from bankapp.services.commands import Command, Decision
from bankapp.services.idempotency import Claim

AT_ONCE: Final = 500
"""How many events of the stream one replay looks at."""


@dataclass(frozen=True, slots=True)
class Replay:
    """How many deliveries a replay made or renewed, and up to which position of the stream it came."""

    deliveries: int
    last_position: int
    has_more: bool


def replay(
    endpoint_id: str,
    from_position: int,
    to_position: int | None = None,
    types: list[str] | None = None,
    *,
    only_failed: bool = False,
    claim: Claim | None = None,
) -> Replay:
    """Send events of the caller's stream to the caller's own active endpoint again.

    Takes the events from one position to another (None: the last) that the endpoint wants, narrowed by ``types``;
    ``only_failed`` takes those whose delivery failed or is dead. A delivery that has still to be made is left alone.
    Looks at :data:`AT_ONCE` events at most. Raises NotFound, StateConflict, ValidationFailed and EventsExpired.
    """

    def decide() -> Decision[Replay]:
        endpoint = webhook_endpoints.lock_active(endpoint_id)
        wanted = _types(endpoint, types)
        found = events.between(context.user().id, from_position, to_position, types=wanted, limit=AT_ONCE + 1)
        rows = found[:AT_ONCE]
        statuses = webhook_deliveries.statuses(endpoint_id, [row.id for row in rows])
        again = (FAILED, DEAD) if only_failed else (DELIVERED, FAILED, DEAD)
        renewed = [row.id for row in rows if statuses.get(row.id) in again]
        webhook_deliveries.renew(endpoint_id, renewed, clock.now())
        new = [row for row in rows if row.id not in statuses and not only_failed]
        added = webhook_deliveries.add(
            [
                webhook_endpoints.new_delivery(
                    endpoint_id, row.id, row.type, position=row.user_position, account_id=row.account_id
                )
                for row in new
            ]
        )
        last = rows[-1].user_position if rows else max(from_position - 1, 0)
        result = Replay(len(renewed) + added, last, len(found) > AT_ONCE)
        return Decision(result, facts={"deliveries": result.deliveries, "last_position": last})

    facts = {
        "from_position": from_position,
        "to_position": to_position,
        "types": types,
        "only_failed": only_failed,
    }
    command = Command("webhook_endpoint_replay", "webhook_endpoint", endpoint_id, facts)
    return commands.carry_out_in_transaction(command, decide, claim)


def _types(endpoint: WebhookEndpointRecord, types: list[str] | None) -> list[str] | None:
    if types is None or endpoint.event_types is None:
        return types or endpoint.event_types
    if unwanted := sorted(set(types) - set(endpoint.event_types)):
        raise errors.ValidationFailed(errors={"types": [f"The endpoint does not want {', '.join(unwanted)}."]})
    return types
