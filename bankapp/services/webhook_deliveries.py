"""Deliveries: messages are sent to webhook endpoints until each is confirmed or given up.

A short transaction leases deliveries. They are sent without a transaction. A second transaction stores the outcomes. A
process that dies in between leaves a lease that lapses, and the deliveries are sent again: an event arrives at least
once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from threading import Event
from typing import Final

from bankapp import clock, context, db, ids
from bankapp.models.webhook import BY_ACCOUNT, EndpointToServe
from bankapp.outgoing.sender import Answer, Message, Sender
from bankapp.repositories import webhook_deliveries, webhook_endpoints
from bankapp.repositories.webhook_deliveries import Leased
from bankapp.services import events, webhook_outcomes, webhook_payloads

AT_THE_SAME_TIME: Final = 8
"""How many messages one process sends at the same time."""

FOR_ONE_ENDPOINT: Final = 2
"""How many messages all processes together send to one endpoint at the same time."""

BATCH: Final = 50
"""How many deliveries one lease holds at most. They are sent one after the other."""

BATCH_SECONDS: Final = 1.0
"""For how long the attempts of a batch begin. A slow endpoint gives the rest of its batch back."""

LEASE: Final = timedelta(seconds=60)
"""Longer than a batch takes, so that no second process sends the same delivery meanwhile."""

BEGINS_FOR_SECONDS: Final = 4.0
"""For how long a step begins attempts. It ends when they have ended."""

PURGE_AT_ONCE: Final = 1_000

_NO_SECRET: Final = Answer(error="secret_unavailable")

Send = Callable[[Message], Answer]


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries to one endpoint that are leased under ``lease_id``, each with its message (None: it cannot be signed).

    The batches of an endpoint that are sent at the same time share ``is_stopped``: after a failure none of them begins
    another attempt.
    """

    endpoint_id: str
    lease_id: str
    deliveries: Sequence[tuple[Leased, Message | None]]
    is_stopped: Event


def deliver(send: Send | None = None) -> int:
    """Send what is due, one bounded step: about 20 seconds at most. Return how many attempts were made.

    ``send`` replaces the sending over the network.
    """
    end = time.monotonic() + BEGINS_FOR_SECONDS
    attempted = 0
    running: dict[Future[list[Answer]], Batch] = {}
    with ThreadPoolExecutor(AT_THE_SAME_TIME, thread_name_prefix="webhooks") as pool:
        while True:
            free = AT_THE_SAME_TIME - len(running)
            if time.monotonic() < end:
                for batch in lease(free):
                    running[pool.submit(_send_all, send, batch)] = batch
            if not running:
                return attempted
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                answers = future.result()
                _store(running.pop(future), answers)
                attempted += len(answers)


def _send_all(send: Send | None, batch: Batch) -> list[Answer]:
    """Send a batch until a failure or the end of its time. Return the answers of the attempts that were made."""
    with Sender() as one_server:
        return _send_each(send or one_server.send, batch)


def _send_each(send: Send, batch: Batch) -> list[Answer]:
    end = time.monotonic() + BATCH_SECONDS
    answers: list[Answer] = []
    for _, message in batch.deliveries:
        if batch.is_stopped.is_set() or (answers and time.monotonic() >= end):
            break
        answers.append(_NO_SECRET if message is None else send(message))
        if not answers[-1].is_success:
            batch.is_stopped.set()
    return answers


def _store(batch: Batch, answers: Sequence[Answer]) -> None:
    deliveries = [delivery for delivery, _ in batch.deliveries]
    ended = list(zip(deliveries, answers, strict=False))
    webhook_outcomes.store(batch.endpoint_id, batch.lease_id, ended, deliveries[len(answers) :])


def lease(limit: int) -> list[Batch]:
    """Lease deliveries that are due, in at most ``limit`` batches, :data:`FOR_ONE_ENDPOINT` for each endpoint."""
    if not webhook_endpoints.has_due(clock.now()):
        return []
    taken = db.run(partial(_take, limit))
    named = [one.event_id for _, leased in taken for found in leased.values() for one in found if one.position]
    happened = events.by_ids(named)
    batches = []
    for endpoint, leased in taken:
        is_stopped = Event()
        for lease_id, found in leased.items():
            messages = webhook_payloads.messages(endpoint, found, happened)
            batches.append(Batch(endpoint.id, lease_id, messages, is_stopped))
    return batches


def _take(limit: int) -> list[tuple[EndpointToServe, Mapping[str, list[Leased]]]]:
    """Return endpoints, each with its leased deliveries by the id of their lease."""
    now = clock.now()
    taken: list[tuple[EndpointToServe, Mapping[str, list[Leased]]]] = []
    for endpoint in webhook_endpoints.take_due(now, limit):
        free = min(FOR_ONE_ENDPOINT - webhook_deliveries.count_leases(endpoint.id, now), limit)
        if free <= 0:
            continue
        is_ordered = endpoint.ordering == BY_ACCOUNT
        found = webhook_deliveries.due(endpoint.id, now, free * BATCH, by_account=is_ordered)
        leased = {ids.new(): part for part in (found[number::free] for number in range(free)) if part}
        for lease_id, part in leased.items():
            webhook_deliveries.lease([delivery.id for delivery in part], lease_id, now + LEASE)
        if leased:
            taken.append((endpoint, leased))
            limit -= len(leased)
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
