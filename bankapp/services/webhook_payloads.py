"""The messages of webhooks: an event as ``GET /v1/events`` shows it, signed with the secrets of its endpoint.

Payload and headers follow the Standard Webhooks specification 1.0.0.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson

from bankapp import clock, context
from bankapp.models.webhook import EndpointToServe
from bankapp.outgoing import signatures
from bankapp.outgoing.sender import Message
from bankapp.repositories import webhook_endpoints
from bankapp.repositories.webhook_deliveries import Leased
from bankapp.services.events import Event
from bankapp.services.identity import encryption

log = logging.getLogger(__name__)

USER_AGENT: Final = "bankapp-webhooks/1"

_render: Callable[[Event], bytes] | None = None


def render_with(render: Callable[[Event], bytes]) -> None:
    """Set the function that writes an event as JSON. Shapes belong to the API, which a service does not know."""
    global _render  # noqa: PLW0603 - one function for the process, set when the application is made
    _render = render


def messages(
    endpoint: EndpointToServe, leased: list[Leased], events: Mapping[str, Event]
) -> list[tuple[Leased, Message | None]]:
    """Return each delivery with its message; None where no ``SECRET_KEY`` decrypts the endpoint's secret."""
    keys = _secrets(endpoint)
    if not keys:
        return [(delivery, None) for delivery in leased]
    return [(delivery, _message(endpoint, delivery, events.get(delivery.event_id), keys)) for delivery in leased]


def _message(endpoint: EndpointToServe, delivery: Leased, event: Event | None, keys: list[str]) -> Message:
    body = _body(endpoint, delivery, event)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        **signatures.headers(delivery.event_id, clock.now(), body, keys),
    }
    return Message(endpoint.url, headers, body, context.config().webhooks_allow_loopback)


def _body(endpoint: EndpointToServe, delivery: Leased, event: Event | None) -> bytes:
    if event is None:
        data: Any = {"webhook_endpoint_id": endpoint.id}
        happened_at = delivery.created_at
    else:
        assert _render is not None, "the application sets the shape of events"
        data = orjson.Fragment(_render(event))
        happened_at = event.created_at
    return orjson.dumps({"type": delivery.event_type, "timestamp": clock.to_text(happened_at), "data": data})


def _secrets(endpoint: EndpointToServe) -> list[str]:
    """Return the secrets that sign now, the newest first. Encrypts them anew if their key is an older one."""
    sealed = {"sealed_secret": endpoint.sealed_secret}
    until = endpoint.previous_secret_expires_at
    if endpoint.sealed_previous_secret is not None and until is not None and clock.now() < until:
        sealed["sealed_previous_secret"] = endpoint.sealed_previous_secret
    secrets, renewed = [], {}
    for column, value in sealed.items():
        unsealed = encryption.unseal(value, endpoint.id)
        if unsealed is None:
            log.error("no SECRET_KEY decrypts a secret of webhook endpoint %s", endpoint.id)
            continue
        secret, is_outdated = unsealed
        secrets.append(secret)
        if is_outdated:
            renewed[column] = encryption.seal(secret, endpoint.id)
    if renewed:
        webhook_endpoints.change(endpoint.id, renewed)
    return secrets
