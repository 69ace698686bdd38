"""The outcome of an attempt: when the next one is due, and when an endpoint is disabled."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Final

from bankapp import clock, db
from bankapp.models import WebhookEndpointRecord
from bankapp.models.webhook import ACTIVE, ANSWER_LENGTH, DEAD, DISABLED, FAILED, FAILING, GONE
from bankapp.outgoing.sender import Answer
from bankapp.repositories import webhook_deliveries, webhook_endpoints
from bankapp.repositories.webhook_deliveries import Leased
from bankapp.services import audit, events
from bankapp.services.webhook_endpoints import DISABLED_EVENT, TEST

PAUSES: Final = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
"""The pause after each failed attempt; after one more the delivery is dead. Source: Standard Webhooks 1.0.0."""

JITTER: Final = 0.1
"""The part of a pause by which it is prolonged at random, so that retries do not come all at once."""

FAILS_AT_MOST: Final = timedelta(days=5)
"""An endpoint that fails, and has had no success for this long, is disabled."""

LONGEST_RETRY_AFTER: Final = timedelta(hours=24)


def store(
    endpoint_id: str,
    lease_id: str,
    ended: Sequence[tuple[Leased, Answer]],
    not_begun: Sequence[Leased],
) -> None:
    """Store the outcomes of a lease's attempts, in their order. Nothing is stored of a lease that was lost.

    An endpoint that answered 410, or that fails for too long, is disabled.
    """
    confirmed = [(delivery, answer) for delivery, answer in ended if answer.is_success]
    if confirmed or not_begun:
        db.run(partial(_store_successes, endpoint_id, lease_id, confirmed, not_begun))
    for delivery, answer in ended:
        if not answer.is_success:
            db.run(partial(_store_failure, endpoint_id, delivery, lease_id, answer))


def _store_successes(
    endpoint_id: str, lease_id: str, confirmed: Sequence[tuple[Leased, Answer]], not_begun: Sequence[Leased]
) -> None:
    now = clock.now()
    if confirmed:
        webhook_endpoints.forget_failures(endpoint_id)
        outcomes = [(delivery.id, {"finished_at": now, **_facts(answer, now)}) for delivery, answer in confirmed]
        webhook_deliveries.confirm(lease_id, outcomes)
    if not_begun:
        webhook_deliveries.give_back([delivery.id for delivery in not_begun], lease_id)


def _store_failure(endpoint_id: str, delivery: Leased, lease_id: str, answer: Answer) -> None:
    endpoint = webhook_endpoints.lock(endpoint_id)
    if endpoint is None:
        return
    now = clock.now()
    asked = _retry_after(answer.retry_after, now)
    values = {**_next_attempt(delivery, now, asked), **_facts(answer, now)}
    if not webhook_deliveries.finish(delivery.id, lease_id, values) or endpoint.status != ACTIVE:
        return
    failing_since = endpoint.failing_since or now
    changes: dict[str, Any] = {}
    if endpoint.failing_since is None:
        changes["failing_since"] = failing_since
    if asked is not None:
        changes["not_before"] = asked
    if changes:
        webhook_endpoints.change(endpoint_id, changes)
    if answer.status_code == 410:
        _disable(endpoint, GONE, now)
    elif now - failing_since >= FAILS_AT_MOST:
        _disable(endpoint, FAILING, now)


def _next_attempt(delivery: Leased, now: datetime, asked: datetime | None) -> dict[str, Any]:
    # The lease has counted this attempt; `delivery` was read before.
    is_last = delivery.event_type == TEST or delivery.attempts >= len(PAUSES)
    if is_last:
        return {"status": DEAD, "finished_at": now}
    due = now + PAUSES[delivery.attempts] * (1 + random.uniform(0, JITTER))
    return {"status": FAILED, "next_attempt_at": max(due, asked) if asked else due}


def _facts(answer: Answer, now: datetime) -> dict[str, Any]:
    # PostgreSQL's text cannot contain NUL.
    text = answer.body.decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")[:ANSWER_LENGTH]
    return {
        "attempted_at": now,
        "status_code": answer.status_code,
        "latency_ms": answer.latency_ms,
        "error": answer.error,
        "answer": text if answer.status_code is not None else None,
    }


def _retry_after(header: str | None, now: datetime) -> datetime | None:
    """Return the time that ``Retry-After`` names (RFC 9110 §10.2.3: seconds or a date), or None."""
    if header is None:
        return None
    header = header.strip()
    if header.isascii() and header.isdigit():
        span = timedelta(seconds=min(int(header[:9]), LONGEST_RETRY_AFTER.total_seconds()))
        return now + span
    try:
        moment = parsedate_to_datetime(header)
        return min(moment, now + LONGEST_RETRY_AFTER) if moment > now else None
    except (ValueError, TypeError, OverflowError):  # no date, or one without a zone
        return None


def _disable(endpoint: WebhookEndpointRecord, reason: str, now: datetime) -> None:
    values = {"status": DISABLED, "disabled_at": now, "disabled_reason": reason}
    webhook_endpoints.change(endpoint.id, values)
    disabled = webhook_endpoints.get(endpoint.id)
    assert disabled is not None, "the endpoint is locked"
    events.record(DISABLED_EVENT, disabled)
    audit.record(
        "webhook_endpoint_disable",
        user_id=endpoint.user_id,
        resource_type="webhook_endpoint",
        resource_id=endpoint.id,
        metadata={"reason": reason},
    )
