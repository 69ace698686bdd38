"""A bank that sends webhooks to this machine, and the steps of its worker."""

from __future__ import annotations

from typing import Any

from bankapp.services import webhook_deliveries, webhook_fan_out
from tests.support.factories import Bank, Caller, ok
from tests.support.streams import number


def fan_out(bank: Bank) -> int:
    """Number all events and make their deliveries."""
    number(bank.app)
    with bank.app.app_context():
        return sum(iter(webhook_fan_out.fan_out, 0))


def deliver(bank: Bank, **options: Any) -> int:
    """Make the deliveries of all events, then send what is due, one step; return the number of attempts."""
    fan_out(bank)
    with bank.app.app_context():
        return webhook_deliveries.deliver(**options)


def endpoint(caller: Caller, url: str, **changes: Any) -> dict[str, Any]:
    """Make an endpoint and return it with its secret."""
    return dict(ok(caller.post("/webhook-endpoints", {"url": url} | changes), 201))


def deliveries(caller: Caller, endpoint: dict[str, Any], query: str = "") -> list[dict[str, Any]]:
    """Return the deliveries to an endpoint, the oldest first."""
    found = ok(caller.get(f"/webhook-endpoints/{endpoint['id']}/deliveries?limit=100{query}"))["items"]
    return list(reversed(found))


def read(caller: Caller, endpoint: dict[str, Any]) -> dict[str, Any]:
    return dict(ok(caller.get(f"/webhook-endpoints/{endpoint['id']}")))
