"""An example of the event of each type, for a receiver that is being written.

The data is in the shapes of the API; a test compares it with the OpenAPI document.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any, Final

TEST: Final = "webhook_endpoint.test"
"""The type of the message that the bank sends for a test of an endpoint. It is not about an event."""

_USER_ID: Final = "0193a1b2-0001-7e5f-8a9b-0c1d2e3f4a5b"
_ACCOUNT_ID: Final = "0193a1b2-0002-7e5f-8a9b-0c1d2e3f4a5b"
_RESOURCE_ID: Final = "0193a1b2-0003-7e5f-8a9b-0c1d2e3f4a5b"
_OTHER_ID: Final = "0193a1b2-0004-7e5f-8a9b-0c1d2e3f4a5b"
_THEN: Final = "2026-11-24T09:30:00.000000Z"
_LATER: Final = "2026-12-01T09:30:00.000000Z"

_RESOURCES: Final[dict[str, dict[str, Any]]] = {
    "transaction": {
        "id": _RESOURCE_ID,
        "account_id": _ACCOUNT_ID,
        "type": "deposit",
        "amount": 1234,
        "currency": "EUR",
        "balance_after": 150000,
        "description": "Rent November",
        "reference": None,
        "end_to_end_id": None,
        "counterparty": {"name": "Cash", "account_number": None},
        "transfer_id": None,
        "created_at": _THEN,
    },
    "transfer": {
        "id": _RESOURCE_ID,
        "from_account_id": _ACCOUNT_ID,
        "to_account_id": _OTHER_ID,
        "amount": 1234,
        "currency": "EUR",
        "description": "Rent November",
        "reference": "RENT-2026-11",
        "end_to_end_id": None,
        "counterparty": {"name": "Grace Hopper", "account_number": "DE49500105175415330118"},
        "reverses_transfer_id": None,
        "reversed_by_transfer_id": None,
        "created_at": _THEN,
    },
    "account": {
        "id": _ACCOUNT_ID,
        "number": "DE78500105175415330117",
        "type": "checking",
        "currency": "EUR",
        "balance": 0,
        "available_balance": 0,
        "status": "active",
        "name": "Holidays",
        "position": None,
        "created_at": _THEN,
    },
    "card": {
        "id": _RESOURCE_ID,
        "account_id": _ACCOUNT_ID,
        "type": "virtual",
        "last4": "1881",
        "status": "active",
        "expires": "2030-11-30",
        "created_at": _THEN,
    },
    "card.limits_changed": {
        "per_authorization": 50000,
        "per_day": 100000,
        "card_id": _RESOURCE_ID,
        "currency": "EUR",
        "used_today": 12000,
        "resets_at": _LATER,
    },
    "authorization": {
        "id": _RESOURCE_ID,
        "card_id": _OTHER_ID,
        "account_id": _ACCOUNT_ID,
        "amount": 1234,
        "captured_amount": 0,
        "currency": "EUR",
        "merchant": "Corner Bookshop",
        "status": "pending",
        "decline_reason": None,
        "expires_at": _LATER,
        "created_at": _THEN,
        "finished_at": None,
    },
    "session": {
        "id": _RESOURCE_ID,
        "device_id": "laptop-4711",
        "ip_address": "203.0.113.7",
        "created_at": _THEN,
        "last_used_at": _THEN,
        "expires_at": _LATER,
        "current": False,
    },
    "api_key": {
        "id": _RESOURCE_ID,
        "name": "Payroll",
        "scopes": ["accounts:read", "transfers:write"],
        "account_ids": [_ACCOUNT_ID],
        "ip_allowlist": ["203.0.113.0/24"],
        "last4": "k3Qz",
        "created_at": _THEN,
        "expires_at": _LATER,
        "previous_expires_at": None,
        "last_used_at": None,
        "revoked_at": None,
    },
    "webhook_endpoint": {
        "id": _RESOURCE_ID,
        "url": "https://ada.example/bank-events",
        "event_types": ["transaction.created"],
        "description": "Bookkeeping",
        "status": "disabled",
        "ordering": "none",
        "disabled_reason": "gone",
        "disabled_at": _LATER,
        "failing_since": None,
        "previous_secret_expires_at": None,
        "created_at": _THEN,
    },
}
"""Kind of a resource, or type of an event → the resource."""

_CHANGES: Final[dict[str, dict[str, Any]]] = {
    "transaction.created": {},
    "transfer.created": {},
    "transfer.reversed": {"reversed_by_transfer_id": _OTHER_ID},
    "account.opened": {},
    "account.frozen": {"status": "frozen"},
    "account.unfrozen": {},
    "account.closed": {"status": "closed"},
    "card.issued": {},
    "card.blocked": {"status": "blocked"},
    "card.unblocked": {},
    "card.terminated": {"status": "terminated"},
    "card.limits_changed": {},
    "authorization.created": {},
    "authorization.captured": {"status": "captured", "captured_amount": 1234, "finished_at": _LATER},
    "authorization.voided": {"status": "voided", "finished_at": _LATER},
    "authorization.expired": {"status": "expired", "finished_at": _LATER},
    "authorization.declined": {
        "status": "declined",
        "decline_reason": "insufficient_funds",
        "expires_at": None,
        "finished_at": _THEN,
    },
    "session.created": {},
    "api_key.created": {},
    "api_key.revoked": {"revoked_at": _LATER},
    "webhook_endpoint.disabled": {},
}
"""Type of an event → how its resource differs from the example of the resource."""

TYPES: Final = tuple(_CHANGES)


def event(type: str) -> dict[str, Any]:
    """Return a new example of the event ``type`` as the bank shows an event, with a new id."""
    resource_type = type.partition(".")[0]
    data = (_RESOURCES.get(type) or _RESOURCES[resource_type]) | _CHANGES[type]
    return {
        "id": new_id(),
        "type": type,
        "position": 42,
        "created_at": now(),
        "user_id": _USER_ID,
        "resource_type": resource_type,
        "resource_id": data.get("id") or data["card_id"],
        "data": data,
    }


def test_data() -> dict[str, str]:
    """Return the data of a message of the type :data:`TEST`."""
    return {"webhook_endpoint_id": _RESOURCE_ID}


def new_id() -> str:
    """Return a new id, so that a receiver which skips what it has handled takes the message."""
    return str(uuid.uuid4())


def now() -> str:
    """Return the present time as the API writes times."""
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
