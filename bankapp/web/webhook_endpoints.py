"""Webhook endpoints: the form that makes one, an endpoint with its actions, its deliveries."""

from __future__ import annotations

from typing import Any, Final

from bankapp import context
from bankapp.models import WebhookEndpointRecord
from bankapp.models.event import TYPES
from bankapp.models.webhook import DELIVERY_STATUSES, FAILING, GONE, ORDERINGS, REQUESTED
from bankapp.outgoing.urls import MAX_LENGTH
from bankapp.schemas.webhook_endpoints import WebhookDeliveryQuery
from bankapp.services import webhook_endpoints
from bankapp.web.pages import Pages, argument, load, render

blueprint = Pages("webhook_endpoints", __name__)

REASONS: Final = {
    GONE: "Its receiver answered 410 Gone.",
    FAILING: "It did not confirm a message for five days.",
    REQUESTED: "You disabled it.",
}
"""Why an endpoint is disabled, as sentences."""

_LIMIT: Final = "20"
_FIELDS: Final[dict[str, Any]] = {"types": TYPES, "orderings": ORDERINGS, "max_length": MAX_LENGTH}


def disabled_by_bank() -> list[tuple[WebhookEndpointRecord, str]]:
    """Return the user's endpoints that the bank has disabled, each with the reason as a sentence."""
    return [
        (endpoint, REASONS[endpoint.disabled_reason])
        for endpoint in webhook_endpoints.of_caller()
        if endpoint.disabled_reason is not None and endpoint.disabled_reason != REQUESTED
    ]


@blueprint.page("/developers/webhooks/new")
def new_endpoint() -> str:
    """Return the form that makes an endpoint."""
    return render("webhook_endpoint_new", endpoint=None, **_FIELDS)


@blueprint.page("/developers/webhooks/<id:webhook_endpoint_id>")
def endpoint(webhook_endpoint_id: str) -> str:
    """Return an endpoint with its newest deliveries and its actions."""
    shown = webhook_endpoints.get(webhook_endpoint_id)
    return render(
        "webhook_endpoint",
        is_mine=shown.user_id == context.user().id,
        reason=REASONS.get(shown.disabled_reason or ""),
        **_FIELDS,
        **_deliveries(shown),
    )


@blueprint.page("/developers/webhooks/<id:webhook_endpoint_id>/deliveries")
def deliveries(webhook_endpoint_id: str) -> str:
    """Return a page of an endpoint's deliveries, filtered by the query string."""
    return render("webhook_deliveries", **_deliveries(webhook_endpoints.get(webhook_endpoint_id)))


def _deliveries(endpoint: WebhookEndpointRecord) -> dict[str, object]:
    status, cursor = argument("status"), argument("cursor")
    query = {"limit": _LIMIT} | {name: value for name, value in (("status", status), ("cursor", cursor)) if value}
    arguments = load(WebhookDeliveryQuery(), query)
    page = webhook_endpoints.list_deliveries(endpoint.id, arguments["status"], arguments["window"])
    return {
        "endpoint": endpoint,
        "items": page.items,
        "cursor": WebhookDeliveryQuery().encode(page.next_position, query),
        "status": status,
        "statuses": DELIVERY_STATUSES,
        "is_continued": bool(cursor),
    }
