"""Deliveries: messages are sent to webhook endpoints until each is confirmed or given up.

An attempt has three parts. A short transaction leases deliveries. They are sent without a transaction. A second
transaction stores each outcome. A process that dies in between leaves a lease that lapses, and the delivery is sent
again: an event arrives at least once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final

from bankapp import clock, context, db, ids
from bankapp.models.webhook import BY_ACCOUNT, EndpointToServe
from bankapp.outgoing import sender
from bankapp.outgoing.sender import Answer, Message
from bankapp.repositories import webhook_deliveries, webhook_endpoints
from bankapp.repositories.webhook_deliveries import Leased
from bankapp.services import events, webhook_outcomes, webhook_payloads

AT_THE_SAME_TIME: Final = 8
"""How many messages one process sends at the same time."""

FOR_ONE_ENDPOINT: Final = 2
"""How many messages all processes together send to one endpoint at the same time."""

LEASE: Final = timedelta(seconds=60)
"""Longer than an attempt takes, so that no second process sends the same delivery meanwhile."""

BEGINS_FOR_SECONDS: Final = 4.0
"""For how long a step begins attempts. It ends when they have ended."""

PURGE_AT_ONCE: Final = 1_000

_NO_SECRET: Final = Answer(error="secret_unavailable")

Send = Callable[[Message], Answer]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A delivery that is leased under ``lease_id``, and its message (None: it cannot be signed)."""

    endpoint_id: str
    delivery: Leased
    lease_id: str
    message: Message | None


def deliver(send: Send = sender.send) -> int:
    """Send what is due, one bounded step: about 20 seconds at most. Return how many attempts were made."""
    end = time.monotonic() + BEGINS_FOR_SECONDS
    attempted = 0
    running: dict[Future[Answer], Attempt] = {}
    with ThreadPoolExecutor(AT_THE_SAME_TIME, thread_name_prefix="webhooks") as pool:
        while True:
            free = AT_THE_SAME_TIME - len(running)
            if time.monotonic() < end:
                for attempt in lease(free):
                    running[pool.submit(_sent, send, attempt.message)] = attempt
            if not running:
                return attempted
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                attempt = running.pop(future)
                webhook_outcomes.store(attempt.endpoint_id, attempt.delivery, attempt.lease_id, future.result())
                attempted += 1


def _sent(send: Send, message: Message | None) -> Answer:
    return _NO_SECRET if message is None else send(message)


def lease(limit: int) -> list[Attempt]:
    """Lease at most ``limit`` deliveries that are due, at most :data:`FOR_ONE_ENDPOINT` for each endpoint."""
    if not webhook_endpoints.has_due(clock.now()):
        return []
    lease_id = ids.new()
    taken = db.run(partial(_take, limit, lease_id))
    named = [delivery.event_id for _, found in taken for delivery in found if delivery.position is not None]
    happened = events.by_ids(named)
    return [
        Attempt(endpoint.id, delivery, lease_id, message)
        for endpoint, found in taken
        for delivery, message in webhook_payloads.messages(endpoint, found, happened)
    ]


def _take(limit: int, lease_id: str) -> list[tuple[EndpointToServe, list[Leased]]]:
    now = clock.now()
    taken = []
    for endpoint in webhook_endpoints.take_due(now, limit):
        free = min(FOR_ONE_ENDPOINT - webhook_deliveries.count_leased(endpoint.id, now), limit)
        if free <= 0:
            continue
        is_ordered = endpoint.ordering == BY_ACCOUNT
        found = webhook_deliveries.due(endpoint.id, now, free, by_account=is_ordered)
        if found:
            webhook_deliveries.lease([delivery.id for delivery in found], lease_id, now + LEASE)
            taken.append((endpoint, found))
            limit -= len(found)
    return taken


def backlog() -> tuple[int, float, int]:
    """Return how many deliveries are open, for how many seconds the earliest is due, and how many were given up."""
    count, due_at, dead = webhook_deliveries.backlog()
    return count, 0.0 if due_at is None else max(0.0, (clock.now() - due_at).total_seconds()), dead


def purge() -> int:
    """Delete the deliveries that are older than the retention of events, and return how many that were."""
    before = clock.now() - context.config().event_retention
    purged = 0
    while found := db.run(partial(webhook_deliveries.purge, before, PURGE_AT_ONCE)):
        purged += found
    return purged
