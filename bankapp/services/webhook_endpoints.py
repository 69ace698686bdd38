"""Webhook endpoints: the URLs to which a user's events are sent, and their secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from bankapp import clock, context, errors, ids
from bankapp.listing import Owner, Page, Window
from bankapp.models import WebhookDeliveryRecord, WebhookEndpointRecord
from bankapp.models.webhook import ACTIVE, DISABLED, REQUESTED
from bankapp.outgoing import signatures, urls
from bankapp.repositories import webhook_deliveries, webhook_endpoints
from bankapp.services import access, commands, events
from bankapp.services.commands import Command, Decision
from bankapp.services.idempotency import Claim
from bankapp.services.identity import encryption

T = TypeVar("T")

MAX_ENDPOINTS: Final = 20
"""How many endpoints a user may have."""

OVERLAP: Final = timedelta(hours=24)
"""How long the previous secret signs, too, after a rotation."""

DISABLED_EVENT: Final = "webhook_endpoint.disabled"
TEST: Final = "webhook_endpoint.test"
"""The type of the message that a test sends. It is no event of the stream."""


@dataclass(frozen=True, slots=True)
class EndpointWithSecret:
    """An endpoint with its new secret, which is shown once."""

    endpoint: WebhookEndpointRecord
    secret: str | None = field(repr=False)


def create(
    url: str,
    *,
    event_types: list[str] | None = None,
    description: str | None = None,
    ordering: str = "none",
    status: str = ACTIVE,
    claim: Claim | None = None,
) -> EndpointWithSecret:
    """Make an endpoint of the caller. Without ``event_types`` it gets all events.

    Raises InsufficientScope, ValidationFailed for a URL to which nothing is sent, or LimitExceeded.
    """

    def decide() -> Decision[EndpointWithSecret]:
        access.demand_all_accounts("send events")
        _check_url(url)
        user_id = context.user().id
        if webhook_endpoints.count(user_id) >= MAX_ENDPOINTS:
            raise errors.LimitExceeded(f"You have {MAX_ENDPOINTS} webhook endpoints, which is the limit.")
        endpoint_id, secret, now = ids.new(), signatures.new_secret(), clock.now()
        row: dict[str, Any] = {
            "id": endpoint_id,
            "user_id": user_id,
            "url": url,
            "event_types": event_types,
            "description": description,
            "ordering": ordering,
            "sealed_secret": encryption.seal(secret, endpoint_id),
            "created_at": now,
            **_status_values(status),
        }
        webhook_endpoints.add(row)
        return Decision(EndpointWithSecret(_existing(endpoint_id), secret), endpoint_id)

    return commands.carry_out_in_transaction(Command("webhook_endpoint_create", "webhook_endpoint"), decide, claim)


def get(endpoint_id: str) -> WebhookEndpointRecord:
    """Return an endpoint that the caller may see. Raises NotFound."""
    return access.visible(webhook_endpoints.get(endpoint_id), "webhook endpoint")


def search(window: Window) -> Page[WebhookEndpointRecord]:
    """Return the endpoints that the caller may see, newest first."""
    return webhook_endpoints.search(access.authorize_listing("webhook_endpoint"), window)


def of_caller() -> Sequence[WebhookEndpointRecord]:
    """Return all endpoints of the caller, newest first; staff, too, get only their own."""
    caller = context.user()
    return webhook_endpoints.search(Owner(caller.id, caller.account_ids), Window(MAX_ENDPOINTS)).items


def change(endpoint_id: str, changes: Mapping[str, Any]) -> WebhookEndpointRecord:
    """Change the caller's own endpoint. Raises NotFound, or ValidationFailed for a URL to which nothing is sent.

    ``status`` disables the endpoint, or activates it with no failures to its name.
    """

    def decide() -> Decision[WebhookEndpointRecord]:
        endpoint = _lock(endpoint_id)
        values = dict(changes)
        if "url" in values:
            _check_url(values["url"])
        if values.get("status", endpoint.status) == endpoint.status:
            values.pop("status", None)
        else:
            values |= _status_values(values["status"])
        if values:
            webhook_endpoints.change(endpoint_id, values)
        changed = _existing(endpoint_id)
        is_disabled = changed.status == DISABLED != endpoint.status
        return Decision(changed, events=[events.row_about(DISABLED_EVENT, changed)] if is_disabled else [])

    return _carry_out("change", endpoint_id, decide, facts={"fields": sorted(changes)})


def remove(endpoint_id: str) -> None:
    """Delete the caller's own endpoint with its deliveries. Raises NotFound."""

    def decide() -> Decision[None]:
        _lock(endpoint_id)
        webhook_endpoints.remove(endpoint_id)
        return Decision(None)

    _carry_out("delete", endpoint_id, decide)


def rotate(endpoint_id: str, claim: Claim | None = None) -> EndpointWithSecret:
    """Give the caller's own endpoint a new secret. The previous one signs, too, for :data:`OVERLAP`.

    A second rotation ends the secret before the previous one at once. Raises NotFound.
    """

    def decide() -> Decision[EndpointWithSecret]:
        _lock(endpoint_id)
        secret = signatures.new_secret()
        values = {
            "sealed_secret": encryption.seal(secret, endpoint_id),
            "sealed_previous_secret": webhook_endpoints.sealed_secret(endpoint_id),
            "previous_secret_expires_at": clock.now() + OVERLAP,
        }
        webhook_endpoints.change(endpoint_id, values)
        return Decision(EndpointWithSecret(_existing(endpoint_id), secret))

    return _carry_out("rotate", endpoint_id, decide, claim)


def send_test(endpoint_id: str, claim: Claim | None = None) -> WebhookDeliveryRecord:
    """Send a test message to the caller's own active endpoint, once. Raises NotFound or StateConflict."""

    def decide() -> Decision[WebhookDeliveryRecord]:
        lock_active(endpoint_id)
        delivery_id = ids.new()
        webhook_deliveries.add([new_delivery(endpoint_id, delivery_id, TEST, delivery_id=delivery_id)])
        delivery = webhook_deliveries.get(delivery_id)
        assert delivery is not None, "a delivery that was just stored exists"
        return Decision(delivery, facts={"delivery_id": delivery_id})

    return _carry_out("test", endpoint_id, decide, claim)


def list_deliveries(endpoint_id: str, status: str | None, window: Window) -> Page[WebhookDeliveryRecord]:
    """Return the deliveries to an endpoint that the caller may see, newest first. Raises NotFound."""
    return webhook_deliveries.search(get(endpoint_id).id, status, window)


def new_delivery(
    endpoint_id: str,
    event_id: str,
    event_type: str,
    *,
    position: int | None = None,
    account_id: str | None = None,
    delivery_id: str | None = None,
) -> dict[str, Any]:
    """Return a delivery that is due now, by column name."""
    now = clock.now()
    return {
        "id": delivery_id or ids.new(),
        "endpoint_id": endpoint_id,
        "event_id": event_id,
        "event_type": event_type,
        "position": position,
        "account_id": account_id,
        "status": "pending",
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
    }


def lock_active(endpoint_id: str) -> WebhookEndpointRecord:
    """Lock the caller's own active endpoint and return it. Raises NotFound or StateConflict."""
    endpoint = _lock(endpoint_id)
    if endpoint.status != ACTIVE:
        raise errors.StateConflict("The webhook endpoint is disabled.")
    return endpoint


def _lock(endpoint_id: str) -> WebhookEndpointRecord:
    return access.own(webhook_endpoints.lock(endpoint_id), "webhook endpoint")


def _existing(endpoint_id: str) -> WebhookEndpointRecord:
    endpoint = webhook_endpoints.get(endpoint_id)
    assert endpoint is not None, "the endpoint was stored or locked in this transaction"
    return endpoint


def _status_values(status: str) -> dict[str, Any]:
    is_disabled = status == DISABLED
    return {
        "status": status,
        "disabled_at": clock.now() if is_disabled else None,
        "disabled_reason": REQUESTED if is_disabled else None,
        "failing_since": None,
        "not_before": None,
    }


def _check_url(url: str) -> None:
    try:
        urls.parse(url, allow_loopback=context.config().webhooks_allow_loopback)
    except urls.UrlRefused as problem:
        raise errors.ValidationFailed(errors={"url": [str(problem)]}) from problem


def _carry_out(
    action: str,
    endpoint_id: str,
    decide: Callable[[], Decision[T]],
    claim: Claim | None = None,
    facts: Mapping[str, Any] | None = None,
) -> T:
    command = Command(f"webhook_endpoint_{action}", "webhook_endpoint", endpoint_id, facts or {})
    return commands.carry_out_in_transaction(command, decide, claim)
