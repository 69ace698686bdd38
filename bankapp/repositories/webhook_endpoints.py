"""Queries on webhook endpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, exists, false, func, or_, select, update

from bankapp import db
from bankapp.listing import Owner, Page, Window
from bankapp.models import WebhookDelivery, WebhookEndpoint, WebhookEndpointRecord
from bankapp.models.webhook import ACTIVE, OPEN, EndpointToServe
from bankapp.repositories.listing import page
from bankapp.repositories.selecting import select_record

_ENDPOINTS = select_record(WebhookEndpointRecord, WebhookEndpoint)
_BY_ID = _ENDPOINTS.where(WebhookEndpoint.id == bindparam("endpoint_id"))
_LOCK = _BY_ID.with_for_update(key_share=True)
_SECRETS = select_record(EndpointToServe, WebhookEndpoint).where(WebhookEndpoint.id == bindparam("endpoint_id"))


def add(row: dict[str, Any]) -> None:
    """Store a new endpoint."""
    db.insert(WebhookEndpoint, row)


def get(endpoint_id: str) -> WebhookEndpointRecord | None:
    """Return the endpoint with this id, or None."""
    return db.one(_BY_ID, {"endpoint_id": endpoint_id}, record=WebhookEndpointRecord)


def lock(endpoint_id: str) -> WebhookEndpointRecord | None:
    """Lock the endpoint with this id until the transaction ends and return it, or None."""
    return db.one(_LOCK, {"endpoint_id": endpoint_id}, record=WebhookEndpointRecord)


def sealed_secret(endpoint_id: str) -> bytes:
    """Return the encrypted newest secret of an endpoint, which must exist."""
    found = db.one(_SECRETS, {"endpoint_id": endpoint_id}, record=EndpointToServe)
    assert found is not None, "the endpoint was read before"
    return found.sealed_secret


def change(endpoint_id: str, values: Mapping[str, Any]) -> None:
    """Change columns of an endpoint; ``values`` are by column name."""
    db.change(update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id).values(values))


def remove(endpoint_id: str) -> None:
    """Delete a locked endpoint and its deliveries."""
    db.change(delete(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id))
    db.change(delete(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id))


def count(user_id: str) -> int:
    """Return how many endpoints a user has."""
    return int(db.value(select(func.count()).where(WebhookEndpoint.user_id == user_id)))


def search(owner: Owner | None, window: Window) -> Page[WebhookEndpointRecord]:
    """Return endpoints, newest first, of one owner or of all. An owner who is limited to some accounts has none."""
    query = _ENDPOINTS
    if owner is not None:
        query = query.where(WebhookEndpoint.user_id == owner.user_id)
        query = query if owner.account_ids is None else query.where(false())
    return page(query, [WebhookEndpoint.id], window, WebhookEndpointRecord)


def active_of(user_ids: Sequence[str]) -> list[WebhookEndpointRecord]:
    """Return the active endpoints of some users. They cannot be deleted before the transaction ends."""
    if not user_ids:
        return []
    query = _ENDPOINTS.where(WebhookEndpoint.user_id.in_(user_ids), WebhookEndpoint.status == ACTIVE)
    return db.rows(query.with_for_update(read=True, key_share=True), record=WebhookEndpointRecord)


def has_due(now: datetime) -> bool:
    """Tell whether an active endpoint has a delivery that is due."""
    return db.one(select(WebhookEndpoint.id).where(*_is_due(now)).limit(1)) is not None


def take_due(now: datetime, limit: int) -> list[EndpointToServe]:
    """Lock the endpoints that have waited longest for their turn, and give them the turn.

    Endpoints that another transaction has locked are left out.
    """
    query = (
        select_record(EndpointToServe, WebhookEndpoint)
        .where(*_is_due(now))
        .order_by(WebhookEndpoint.served_at.is_not(None), WebhookEndpoint.served_at, WebhookEndpoint.id)
        .limit(limit)
        .with_for_update(key_share=True, skip_locked=True)
    )
    found = db.rows(query, record=EndpointToServe)
    if found:
        ids = [endpoint.id for endpoint in found]
        db.change(update(WebhookEndpoint).where(WebhookEndpoint.id.in_(ids)).values(served_at=now))
    return found


def _is_due(now: datetime) -> tuple[Any, ...]:
    return (
        WebhookEndpoint.status == ACTIVE,
        or_(WebhookEndpoint.not_before.is_(None), WebhookEndpoint.not_before <= now),
        exists().where(
            WebhookDelivery.endpoint_id == WebhookEndpoint.id,
            WebhookDelivery.status.in_(OPEN),
            WebhookDelivery.next_attempt_at <= now,
            or_(WebhookDelivery.leased_until.is_(None), WebhookDelivery.leased_until <= now),
        ),
    )


def forget_failures(endpoint_id: str) -> None:
    """Note that an endpoint has confirmed a message."""
    failing = WebhookEndpoint.failing_since.is_not(None)
    db.change(update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id, failing).values(failing_since=None))
