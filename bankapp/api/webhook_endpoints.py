"""Webhook endpoints and their deliveries."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bankapp import errors
from bankapp.api.blueprint import Access, Blueprint, Operation, Scope
from bankapp.listing import Page, Window
from bankapp.models import WebhookDeliveryRecord, WebhookEndpointRecord
from bankapp.schemas import webhook_endpoints as schemas
from bankapp.services import webhook_endpoints, webhook_replays
from bankapp.services.idempotency import Claim
from bankapp.services.webhook_endpoints import EndpointWithSecret
from bankapp.services.webhook_replays import Replay

blueprint = Blueprint("webhook-endpoints", __name__, "URLs to which your events are sent")


def _without_secret(found: EndpointWithSecret) -> EndpointWithSecret:
    return replace(found, secret=None)


@blueprint.operation(
    Operation(
        "POST",
        "/webhook-endpoints",
        access=Access.USER,
        scope=Scope.WEBHOOKS_WRITE,
        body=schemas.NewWebhookEndpoint,
        answer=schemas.WebhookEndpointWithSecret,
        status=201,
        idempotent=True,
        on_replay=_without_secret,
        errors=[errors.LimitExceeded],
    )
)
def create_webhook_endpoint(new: dict[str, Any], claim: Claim | None) -> EndpointWithSecret:
    """Make a webhook endpoint

    Your events from now on are sent to `url`, which must begin with `https://` and have public addresses only.
    `secret` verifies the signatures. Only this answer contains it; a replay has null.
    """
    return webhook_endpoints.create(**new, claim=claim)


@blueprint.operation(
    Operation(
        "GET",
        "/webhook-endpoints",
        access=Access.USER,
        scope=Scope.WEBHOOKS_READ,
        query=schemas.WebhookEndpointQuery,
        answer=schemas.WebhookEndpoint,
    )
)
def list_webhook_endpoints(window: Window) -> Page[WebhookEndpointRecord]:
    """List webhook endpoints"""
    return webhook_endpoints.search(window)


@blueprint.operation(
    Operation(
        "GET",
        "/webhook-endpoints/<id:webhook_endpoint_id>",
        access=Access.USER,
        scope=Scope.WEBHOOKS_READ,
        answer=schemas.WebhookEndpoint,
    )
)
def read_webhook_endpoint(webhook_endpoint_id: str) -> WebhookEndpointRecord:
    """Read a webhook endpoint"""
    return webhook_endpoints.get(webhook_endpoint_id)


@blueprint.operation(
    Operation(
        "PATCH",
        "/webhook-endpoints/<id:webhook_endpoint_id>",
        access=Access.USER,
        scope=Scope.WEBHOOKS_WRITE,
        body=schemas.WebhookEndpointChange,
        answer=schemas.WebhookEndpoint,
    )
)
def change_webhook_endpoint(changes: dict[str, Any], webhook_endpoint_id: str) -> WebhookEndpointRecord:
    """Change a webhook endpoint

    `status` disables the endpoint or activates it again. Deliveries that were still open then go on; send what
    happened meanwhile by a replay.
    """
    return webhook_endpoints.change(webhook_endpoint_id, changes)


@blueprint.operation(
    Operation(
        "DELETE",
        "/webhook-endpoints/<id:webhook_endpoint_id>",
        access=Access.USER,
        scope=Scope.WEBHOOKS_WRITE,
        status=204,
    )
)
def delete_webhook_endpoint(webhook_endpoint_id: str) -> None:
    """Delete a webhook endpoint and its deliveries"""
    webhook_endpoints.remove(webhook_endpoint_id)


@blueprint.operation(
    Operation(
        "POST",
        "/webhook-endpoints/<id:webhook_endpoint_id>/rotate-secret",
        access=Access.USER,
        scope=Scope.WEBHOOKS_WRITE,
        answer=schemas.WebhookEndpointWithSecret,
        idempotent=True,
        on_replay=_without_secret,
    )
)
def rotate_webhook_secret(webhook_endpoint_id: str, claim: Claim | None) -> EndpointWithSecret:
    """Give a webhook endpoint a new secret

    Messages are signed with both secrets until `previous_secret_expires_at`, 24 hours from now. A second rotation
    ends the older one at once. Only this answer contains `secret`; a replay has null.
    """
    return webhook_endpoints.rotate(webhook_endpoint_id, claim)


@blueprint.operation(
    Operation(
        "POST",
        "/webhook-endpoints/<id:webhook_endpoint_id>/test",
        access=Access.USER,
        scope=Scope.WEBHOOKS_WRITE,
        answer=schemas.WebhookDelivery,
        status=202,
        idempotent=True,
        errors=[errors.StateConflict],
    )
)
def test_webhook_endpoint(webhook_endpoint_id: str, claim: Claim | None) -> WebhookDeliveryRecord:
    """Send a test message

    A message of the type `webhook_endpoint.test` is sent once, within seconds. The list of deliveries tells the
    outcome.
    """
    return webhook_endpoints.send_test(webhook_endpoint_id, claim)


@blueprint.operation(
    Operation(
        "GET",
        "/webhook-endpoints/<id:webhook_endpoint_id>/deliveries",
        access=Access.USER,
        scope=Scope.WEBHOOKS_READ,
        query=schemas.WebhookDeliveryQuery,
        answer=schemas.WebhookDelivery,
        errors=[errors.NotFound],
    )
)
def list_webhook_deliveries(
    webhook_endpoint_id: str, status: str | None, window: Window
) -> Page[WebhookDeliveryRecord]:
    """List deliveries

    The newest first, with the status, the latency and the first 1,024 bytes of the last answer.
    """
    return webhook_endpoints.list_deliveries(webhook_endpoint_id, status, window)


@blueprint.operation(
    Operation(
        "POST",
        "/webhook-endpoints/<id:webhook_endpoint_id>/replay",
        access=Access.USER,
        scope=Scope.WEBHOOKS_WRITE,
        body=schemas.NewWebhookReplay,
        answer=schemas.WebhookReplay,
        status=202,
        idempotent=True,
        errors=[errors.StateConflict, errors.EventsExpired],
    )
)
def replay_webhook_events(new: dict[str, Any], webhook_endpoint_id: str, claim: Claim | None) -> Replay:
    """Send events again

    Also sends events that are older than the endpoint. `only_failed` leaves out everything but deliveries that
    failed or are dead. One request looks at 500 events at most; while `has_more` is true, go on from the position
    after `last_position`.
    """
    return webhook_replays.replay(webhook_endpoint_id, **new, claim=claim)
