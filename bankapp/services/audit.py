"""The audit log: every sensitive action leaves a row, whatever becomes of it.

:func:`perform` is how such an action runs: a ``pending`` row (and the idempotency claim) is durable
before anything moves; the work, the row's ``success`` and the stored answer are one transaction; a
refusal is rolled back and leaves ``failure`` with its code.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, TypeVar

from bankapp import clock, context, database, errors, ids
from bankapp.listing import Page, Window
from bankapp.logging import events
from bankapp.models import AuditLog
from bankapp.models.audit_log import FAILURE, PENDING, SUCCESS
from bankapp.repositories import attempts, audit_logs
from bankapp.repositories.account_states import Look
from bankapp.repositories.audit_logs import Outcome
from bankapp.services import idempotency

T = TypeVar("T")

# Refusals that say nothing lasting about the request: the same request may fare better.
_NOT_REMEMBERED: Final = (
    errors.Unavailable,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.RateLimited,
    errors.ValidationFailed,
    errors.IdempotencyInFlight,
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Attempt:
    """One sensitive action under way. The work fills in ``resource_id`` and ``metadata`` as it learns them.

    ``writes`` are the rows, by table, of what the work decided; they are stored in one step with its success.
    ``base`` is what of the accounts they go by (id, balance, sequence), for work that did not lock them.
    ``refused`` are parts of the action that failed on their own, each with its ``code``: they get
    rows too, together with the outcome of the whole. ``on_refusal`` stores what a refusal for a
    lasting reason leaves behind although the work is rolled back; it runs in the transaction that
    puts the failure on record.
    """

    event_type: str
    resource_type: str
    resource_id: str | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    writes: Mapping[str, Sequence[dict[str, Any]]] = field(default_factory=dict)
    base: Sequence[dict[str, Any]] = ()
    refused: list[Attempt] = field(default_factory=list)
    id: str = field(default_factory=ids.new)
    on_refusal: Callable[[errors.BankError], None] | None = None


def perform(
    attempt: Attempt, work: Callable[[], T], *, unlocked: Callable[[], T] | None = None, look: Look | None = None
) -> T:
    """Run ``work`` in one transaction as the sensitive action that ``attempt`` describes.

    ``unlocked`` does the same without a lock, and is tried first: what it decided is stored by one
    statement, which holds the accounts no longer than it takes and stores nothing where they do not
    allow it any more. Then, as where NeedsLock is raised, ``work`` does it again. ``look`` is what ``unlocked``
    goes by; it is taken along with the claim where that spares a way to the database.

    Returns what ``work`` returned. Raises what it raised, after the failure is on record, and
    Replay when the request was answered before.
    """
    claim = context.current().claim

    def begin() -> None:
        row = _row(attempt, PENDING)
        if claim is not None and attempts.begin(claim, row, row["created_at"], look):
            return
        if claim is not None:
            idempotency.resolve(claim)
        audit_logs.add(row)

    def command(work: Callable[[], T]) -> T:
        result = work()
        outcome = _outcome(attempt, SUCCESS)
        writes = {**attempt.writes, "audit_logs": _refused(attempt)}
        answered = (claim, claim.render(result)) if claim else None
        if not attempts.finish(outcome, writes, attempt.base, answered):
            # Another attempt took the key over: this one must not count.
            raise idempotency.in_flight()
        return result

    def run() -> T:
        if unlocked is not None:
            with suppress(database.NeedsLock):
                return database.run_alone(lambda: command(unlocked))
        return database.run(lambda: command(work))

    named = attempt.resource_id
    try:
        database.run_alone(begin)
    except database.OutcomeUnknown as problem:
        _settle(attempt, problem)
        raise
    try:
        result = run()
    except Exception as problem:
        attempt.resource_id = named  # what the work made is rolled back
        _settle(attempt, problem if isinstance(problem, errors.BankError) else errors.BankError())
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
    database.after_commit(lambda: _tell(attempt, status))


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
    elif user_id != me.id:
        facts = {"customer_id": user_id, "filters": {"event_type": event_type} if event_type else {}}
        record("staff_access", resource_type="audit_log", metadata=facts)
    return audit_logs.search(user_id, event_type, start, end, window)


def _add(attempt: Attempt, status: str, user_id: str | None = None) -> None:
    audit_logs.add(_row(attempt, status, user_id))


def _row(attempt: Attempt, status: str, user_id: str | None = None) -> dict[str, Any]:
    current = context.current()
    now = clock.now()
    return {
        "id": attempt.id,
        "user_id": user_id or context.user_id(),
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


def _outcome(attempt: Attempt, status: str) -> Outcome:
    return Outcome(attempt.id, status, attempt.resource_id, attempt.metadata, clock.now())


def _refused(attempt: Attempt) -> list[dict[str, Any]]:
    return [_row(part, FAILURE) for part in attempt.refused]


def _settle(attempt: Attempt, refusal: errors.BankError) -> None:
    """Put a failure on record, and with it the answer that is remembered for the key.

    Raises what to answer instead of ``refusal`` where that answer could not be kept: a client must
    not be refused for good while its retry may succeed.
    """
    attempt.metadata["code"] = refusal.code
    claim = context.current().claim
    lasting = not isinstance(refusal, _NOT_REMEMBERED) and type(refusal) is not errors.BankError

    def settle() -> tuple[bool, bool]:
        if lasting and attempt.on_refusal is not None:
            attempt.on_refusal(refusal)
        failed = audit_logs.finish(_outcome(attempt, FAILURE))
        if failed:
            audit_logs.add_all(_refused(attempt))
        if claim is None:
            return failed, True
        if lasting:
            return failed, idempotency.keep(claim, claim.render_refusal(refusal))
        idempotency.release(claim)
        return failed, True

    try:
        failed, kept = database.run(settle)
    except errors.Unavailable:
        # The row stays pending, which says as much.
        log.warning("a failure could not be put on record", exc_info=True)
        if claim is not None and lasting:
            raise
        return
    if failed:
        _tell(attempt, FAILURE)
    else:
        log.warning("the answer to a commit was lost; it had happened")
    if not kept:
        raise idempotency.in_flight()


def _tell(attempt: Attempt, outcome: str) -> None:
    facts = {"event": attempt.event_type, "outcome": outcome, "resource_id": attempt.resource_id}
    # Lists (the transfers of a batch) are for the row; a line of the log stays a line.
    brief = {name: value for name, value in attempt.metadata.items() if not isinstance(value, list)}
    events.info("%s %s", attempt.event_type, outcome, extra=facts | brief)
