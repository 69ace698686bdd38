"""The audit log: every sensitive action leaves a row with its outcome.

:mod:`bankapp.services.commands` writes the rows of commands; this module records everything else and searches.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from bankapp import clock, context, db, errors, ids
from bankapp.listing import Page, Window
from bankapp.logging import events
from bankapp.models import AuditLogRecord
from bankapp.models.audit_log import FAILURE, PENDING, SUCCESS, PendingRecord
from bankapp.repositories import audit_logs


def record(
    event_type: str,
    *,
    user_id: str | None = None,
    resource_type: str = "user",
    resource_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    failure: errors.BankError | None = None,
) -> None:
    """Store a finished row in the current transaction, and log its event after the commit.

    ``user_id`` is the user concerned (default: the caller), ``resource_id`` what it is about (default: that
    user). ``failure`` makes it a row of a failure, with its code.
    """
    status = SUCCESS if failure is None else FAILURE
    facts = dict(metadata or {})
    if failure is not None:
        facts["code"] = failure.code
    resource = resource_id or user_id
    row = new_row(
        ids.new(),
        event_type,
        user_id=user_id or _caller_id(),
        resource_type=resource_type,
        resource_id=resource,
        status=status,
        metadata=facts,
    )
    db.run(lambda: audit_logs.add(row))
    db.after_commit(lambda: log_event(event_type, status, resource, facts))


_NOT_LOGGED: Final = frozenset({"payee_name", "account_number"})
"""Facts about people who are no customers, perhaps: they stand in the audit row, and not in the log as well."""

ABANDONED: Final = "abandoned"
"""The code of a failure whose attempt ended without an outcome: its worker was killed, or the database was away."""

LIVES_AT_MOST: Final = timedelta(seconds=60)
"""No attempt lives longer: gunicorn kills a worker that needs more for one request."""

SETTLED_BY_DEFAULT: Final = timedelta(days=2)
SETTLE_BATCH: Final = 500


def abandon(row_id: str) -> None:
    """Give a pending row the outcome ``failure``, code ``abandoned``; a row that has its outcome keeps it.

    Money moves in the commit that gives the row its success. So the money of a pending row did not move, and an
    attempt that is still alive can no longer commit.
    """
    found = audit_logs.pending(row_id)
    if found is not None:
        _abandon(found)


def settle(*, everything: bool = False) -> int:
    """Abandon the pending rows whose attempt is over, and return how many that were.

    Looks at rows that began within the last two days; ``everything`` looks at all. Each batch is a transaction.
    """
    now = clock.now()
    after = ids.FIRST if everything else ids.earlier(ids.new(), SETTLED_BY_DEFAULT)
    settled = 0
    while rows := audit_logs.pending_between(after, now - LIVES_AT_MOST, SETTLE_BATCH):
        settled += db.run(lambda rows=rows: sum(map(_abandon, rows)))  # type: ignore[misc]  # bound now
        after = rows[-1].id
    return settled


def _abandon(row: PendingRecord) -> bool:
    return audit_logs.finish(outcome(row.id, FAILURE, row.resource_id, {**row.details, "code": ABANDONED}))


def search(
    *,
    user_id: str | None,
    event_type: str | None,
    start: datetime | None,
    end: datetime | None,
    window: Window,
    api_key_id: str | None = None,
) -> Page[AuditLogRecord]:
    """Return the caller's rows; an admin sees everybody's, or those of ``user_id``. ``api_key_id`` narrows both.

    Raises Forbidden when a user who is no admin names another ``user_id``.
    """
    me = context.user()
    if me.role != context.ADMIN:
        if user_id is not None and user_id != me.id:
            raise errors.Forbidden("Only an admin may read the audit log of another user.")
        user_id = me.id
    elif user_id != me.id:
        filters = {"event_type": event_type, "api_key_id": api_key_id}
        facts = {"customer_id": user_id, "filters": {name: value for name, value in filters.items() if value}}
        record("staff_access", resource_type="audit_log", metadata=facts)
    return audit_logs.search(
        window, user_id=user_id, api_key_id=api_key_id, event_type=event_type, start=start, end=end
    )


def new_row(
    row_id: str,
    event_type: str,
    *,
    user_id: str | None,
    resource_type: str,
    resource_id: str | None,
    status: str,
    metadata: Mapping[str, Any],
) -> dict[str, Any]:
    """Return an audit row, by column name, with address, device, request id and API key of the current request."""
    current = context.current()
    now = clock.now()
    return {
        "id": row_id,
        "user_id": user_id,
        "event_type": event_type,
        "resource_type": resource_type,
        "resource_id": resource_id,
        "status": status,
        "ip_address": current.ip_address,
        "device_id": current.device_id,
        "request_id": current.request_id,
        "metadata": metadata,
        "created_at": now,
        "finished_at": None if status == PENDING else now,
        "api_key_id": current.api_key_id,
    }


def outcome(row_id: str, status: str, resource_id: str | None, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that give a pending row its outcome."""
    return {
        "row_id": row_id,
        "new_status": status,
        "new_resource_id": resource_id,
        "new_metadata": metadata,
        "new_finished_at": clock.now(),
    }


def log_event(event_type: str, status: str, resource_id: str | None, metadata: Mapping[str, Any]) -> None:
    """Write a line of the log for a finished action."""
    # Lists (the transfers of a batch) are for the row; a line of the log stays a line.
    facts = {name: value for name, value in metadata.items() if name not in _NOT_LOGGED and not isinstance(value, list)}
    extra = {"event": event_type, "outcome": status, "resource_id": resource_id} | facts
    events.info("%s %s", event_type, status, extra=extra)


def _caller_id() -> str | None:
    caller = context.current().user
    return None if caller is None else caller.id
