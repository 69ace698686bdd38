"""The audit log: every sensitive action leaves a row, whatever becomes of it.

:func:`perform` is how such an action runs: a ``pending`` row (and the idempotency claim) is durable
before anything moves; the work, the row's ``success`` and the stored answer are one transaction; a
refusal is rolled back and leaves ``failure`` with its code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from bankapp import clock, context, database, errors, ids
from bankapp.listing import Page, Window
from bankapp.logging import events
from bankapp.models import AuditLog
from bankapp.models.audit_log import FAILURE, PENDING, SUCCESS
from bankapp.repositories import audit_logs
from bankapp.services import idempotency

T = TypeVar("T")

# Refusals that say nothing lasting about the request: the same request may fare better.
_NOT_REMEMBERED: Final = (
    errors.Unavailable,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.RateLimited,
    errors.IdempotencyInFlight,
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Attempt:
    """One sensitive action under way. The work fills in ``resource_id`` and ``metadata`` as it learns them.

    ``on_refusal`` stores what a refusal for a lasting reason leaves behind although the work is rolled
    back; it runs in the transaction that puts the failure on record.
    """

    event_type: str
    resource_type: str
    resource_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    id: str = field(default_factory=ids.new)
    on_refusal: Callable[[errors.BankError], None] | None = None


def perform(attempt: Attempt, work: Callable[[], T]) -> T:
    """Run ``work`` in one transaction as the sensitive action that ``attempt`` describes.

    Returns what ``work`` returned. Raises what it raised, after the failure is on record, and
    Replay when the request was answered before.
    """
    claim = context.current().claim

    def begin() -> None:
        if claim is not None:
            idempotency.claim(claim)
        _add(attempt, PENDING)

    def command() -> T:
        result = work()
        _finish(attempt, SUCCESS)
        if claim is not None:
            idempotency.finish(claim, claim.render(result))
        return result

    database.run(begin)
    try:
        result = database.run(command)
    except errors.BankError as refusal:
        _settle(attempt, refusal)
        raise
    except Exception:
        _settle(attempt, errors.BankError())
        raise
    _tell(attempt, SUCCESS)
    return result


def record(
    event_type: str,
    *,
    user_id: str | None = None,
    resource_type: str | None = None,
    resource_id: str | None = None,
    metadata: dict[str, Any] | None = None,
    failure: errors.BankError | None = None,
) -> None:
    """Store a finished row in the current transaction, for an action that has no "before the money moves"."""
    attempt = Attempt(event_type, resource_type or "user", resource_id or user_id, metadata or {})
    status = SUCCESS
    if failure is not None:
        status = FAILURE
        attempt.metadata["code"] = failure.code
    database.run(lambda: _add(attempt, status, user_id))
    _tell(attempt, status)


def search(
    *,
    user_id: str | None,
    event_type: str | None,
    start: datetime | None,
    end: datetime | None,
    window: Window,
) -> Page[AuditLog]:
    """Return the caller's rows; an admin sees everybody's, or those of ``user_id``.

    Raises Forbidden when somebody else names a ``user_id``.
    """
    me = context.user()
    if me.role != context.ADMIN:
        if user_id is not None and user_id != me.id:
            raise errors.Forbidden("Only an admin may read the audit log of another user.")
        user_id = me.id
    return audit_logs.search(user_id, event_type, start, end, window)


def _add(attempt: Attempt, status: str, user_id: str | None = None) -> None:
    current = context.current()
    now = clock.now()
    audit_logs.add(
        {
            "id": attempt.id,
            "user_id": user_id or (current.user.id if current.user else None),
            "event_type": attempt.event_type,
            "resource_type": attempt.resource_type,
            "resource_id": attempt.resource_id,
            "status": status,
            "ip_address": current.ip_address,
            "device_id": current.device_id,
            "request_id": current.request_id,
            "metadata": attempt.metadata,
            "created_at": now,
            "finished_at": None if status == PENDING else now,
        }
    )


def _finish(attempt: Attempt, status: str) -> None:
    audit_logs.finish(
        attempt.id,
        status,
        resource_id=attempt.resource_id,
        metadata=attempt.metadata,
        finished_at=clock.now(),
    )


def _settle(attempt: Attempt, refusal: errors.BankError) -> None:
    """Put a failure on record. Where even that fails the row stays pending, which says as much."""
    attempt.metadata["code"] = refusal.code
    claim = context.current().claim
    lasting = not isinstance(refusal, _NOT_REMEMBERED) and type(refusal) is not errors.BankError

    def settle() -> None:
        if lasting and attempt.on_refusal is not None:
            attempt.on_refusal(refusal)
        _finish(attempt, FAILURE)
        if claim is None:
            return
        if lasting:
            idempotency.finish(claim, claim.render_refusal(refusal))
        else:
            idempotency.release(claim)

    try:
        database.run(settle)
    except errors.BankError:
        log.warning("a failure could not be put on record", exc_info=True)
    _tell(attempt, FAILURE)


def _tell(attempt: Attempt, outcome: str) -> None:
    facts = {"event": attempt.event_type, "outcome": outcome, "resource_id": attempt.resource_id}
    events.info("%s %s", attempt.event_type, outcome, extra=facts | attempt.metadata)
