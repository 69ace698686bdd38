"""The audit log."""

from __future__ import annotations

from datetime import datetime

from bankapp import errors
from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation
from bankapp.listing import Page, Window
from bankapp.models import AuditLogRecord
from bankapp.schemas import audit_logs as schemas
from bankapp.services import audit

blueprint = Blueprint("audit-logs", __name__, "The audit log")


@blueprint.operation(
    Operation(
        "GET",
        "/audit-logs",
        access=Access.USER,
        scope=NO_KEYS,
        query=schemas.AuditLogQuery,
        answer=schemas.AuditLog,
        errors=[errors.Forbidden],
    )
)
def list_audit_logs(
    window: Window,
    *,
    event_type: str | None,
    start: datetime | None,
    end: datetime | None,
    user_id: str | None,
    api_key_id: str | None,
) -> Page[AuditLogRecord]:
    """List audit log rows

    Customers and staff see their own rows. An admin sees all rows; `user_id` limits them to one user. `api_key_id`
    limits them to the actions that were taken with one API key.
    """
    return audit.search(
        user_id=user_id, event_type=event_type, start=start, end=end, window=window, api_key_id=api_key_id
    )
