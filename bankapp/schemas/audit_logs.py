"""Wire shapes of the audit log."""

from __future__ import annotations

from marshmallow import fields

from bankapp.models.audit_log import FAILURE, PENDING, SUCCESS
from bankapp.schemas.base import BaseSchema, Choice, Identifier, Timestamp
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import Text


class AuditLog(BaseSchema):
    """One sensitive action: who, what, outcome, from where."""

    id = Identifier()
    user_id = Identifier(allow_none=True)
    event_type = fields.String(metadata={"example": "transfer"})
    resource_type = fields.String(allow_none=True, metadata={"example": "transfer"})
    resource_id = Identifier(allow_none=True)
    status = Choice("AuditStatus", SUCCESS, FAILURE, PENDING)
    ip_address = fields.String(allow_none=True, metadata={"example": "203.0.113.7"})
    device_id = fields.String(allow_none=True, metadata={"example": "laptop-4711"})
    request_id = fields.String(allow_none=True, metadata={"example": "5f0c3a1e9b7d4c2a"})
    details = fields.Dict(data_key="metadata", metadata={"example": {"amount": 1234, "currency": "EUR"}})
    created_at = Timestamp()
    api_key_id = Identifier(allow_none=True)
    api_key_name = fields.String(allow_none=True, metadata={"example": "Payroll"})


class AuditLogQuery(PageQuery):
    """How the log is narrowed; both ends of the span are included. ``user_id`` is for admins."""

    event_type = Text(max_length=32, load_default=None, metadata={"example": "transfer"})
    start = Timestamp(data_key="from", load_default=None)
    end = Timestamp(data_key="to", load_default=None)
    user_id = Identifier(load_default=None)
    api_key_id = Identifier(load_default=None)
