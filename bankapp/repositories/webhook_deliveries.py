"""Queries on the deliveries of webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from bankapp import db
from bankapp.listing import Page, Window
from bankapp.models import WebhookDelivery, WebhookDeliveryRecord, WebhookFanOut
from bankapp.models.webhook import DEAD, DELIVERED, OPEN
from bankapp.repositories.listing import page
from bankapp.repositories.selecting import select_record

_TABLE: Any = WebhookDelivery.__table__
_FAN_OUT: Any = WebhookFanOut.__table__
_DELIVERIES = select_record(WebhookDeliveryRecord, WebhookDelivery)
_BY_ID = _DELIVERIES.where(WebhookDelivery.id == bindparam("delivery_id"))
_LAST_POSITION = select(WebhookFanOut.last_position).where(WebhookFanOut.id == bindparam("row_id"))
_LOCKED_POSITION = _LAST_POSITION.with_for_update()
_CONFIRM = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("delivery_id"), _TABLE.c.lease_id == bindparam("held_lease_id"))
    .values(
        status=DELIVERED,
        lease_id=None,
        leased_until=None,
        **{
            name: bindparam(f"new_{name}", type_=_TABLE.c[name].type)
            for name in ("finished_at", "attempted_at", "status_code", "latency_ms", "error", "answer")
        },
    )
)


class Leased(NamedTuple):
    """What is known of a delivery when it is taken; ``attempts`` were begun before."""

    id: str
    event_id: str
    event_type: str
    position: int | None
    attempts: int
    created_at: datetime


def last_fanned_out() -> int:
    """Return the position up to which the fan-out came."""
    return int(db.value(_LAST_POSITION, {"row_id": 1}))


def lock_fan_out() -> int:
    """Lock the row of the fan-out until the transaction ends; return the position up to which it came."""
    return int(db.value(_LOCKED_POSITION, {"row_id": 1}))


def advance_fan_out(position: int) -> None:
    """Store the position up to which the fan-out came."""
    db.change(update(_FAN_OUT).values(last_position=position))


def add(rows: Sequence[Mapping[str, Any]]) -> int:
    """Store new deliveries and return their number. A delivery of an event that its endpoint has is left out."""
    columns = dict.fromkeys(_TABLE.c.keys())
    return db.insert_all(WebhookDelivery, [{**columns, **row} for row in rows], ignore_conflict=True)


def get(delivery_id: str) -> WebhookDeliveryRecord | None:
    """Return the delivery with this id, or None."""
    return db.one(_BY_ID, {"delivery_id": delivery_id}, record=WebhookDeliveryRecord)


def search(endpoint_id: str, status: str | None, window: Window) -> Page[WebhookDeliveryRecord]:
    """Return the deliveries to an endpoint, newest first, narrowed by status."""
    query = _DELIVERIES.where(WebhookDelivery.endpoint_id == endpoint_id)
    if status is not None:
        query = query.where(WebhookDelivery.status == status)
    return page(query, [WebhookDelivery.id], window, WebhookDeliveryRecord)


def statuses(endpoint_id: str, event_ids: Sequence[str]) -> dict[str, str]:
    """Return event id → status for the events that an endpoint has a delivery of. A leased one has "leased"."""
    query = select(WebhookDelivery.event_id, WebhookDelivery.status, WebhookDelivery.lease_id).where(
        WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.event_id.in_(event_ids)
    )
    return {row.event_id: row.status if row.lease_id is None else "leased" for row in db.rows(query)}


def renew(endpoint_id: str, event_ids: Sequence[str], now: datetime) -> None:
    """Make deliveries pending again, as if they were new."""
    values = {"status": "pending", "attempts": 0, "next_attempt_at": now, "finished_at": None}
    is_named = WebhookDelivery.event_id.in_(event_ids)
    db.change(update(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id, is_named).values(values))


def count_leases(endpoint_id: str, now: datetime) -> int:
    """Return how many leases hold deliveries to an endpoint at the moment."""
    query = select(func.count(WebhookDelivery.lease_id.distinct())).where(
        WebhookDelivery.endpoint_id == endpoint_id,
        WebhookDelivery.leased_until.is_not(None),
        WebhookDelivery.leased_until > now,
    )
    return int(db.value(query))


def backlog() -> tuple[int, datetime | None, int]:
    """Return how many deliveries are open, when the earliest is due (None: there is none), and how many are dead."""
    open_ones = select(func.count(), func.min(WebhookDelivery.next_attempt_at)).where(WebhookDelivery.status.in_(OPEN))
    dead = select(func.count()).where(WebhookDelivery.status == DEAD)
    count, earliest = db.rows(open_ones)[0]
    return count, earliest, int(db.value(dead))


def due(endpoint_id: str, now: datetime, limit: int, *, by_account: bool) -> list[Leased]:
    """Return deliveries to an endpoint that are due and not being sent, the earliest first.

    ``by_account`` leaves out those that must wait for an earlier one of their account.
    """
    query = select_record(Leased, WebhookDelivery).where(
        WebhookDelivery.endpoint_id == endpoint_id,
        WebhookDelivery.status.in_(OPEN),
        WebhookDelivery.next_attempt_at <= now,
        or_(WebhookDelivery.leased_until.is_(None), WebhookDelivery.leased_until <= now),
    )
    if by_account:
        earlier = aliased(WebhookDelivery)
        query = query.where(
            ~exists().where(
                earlier.endpoint_id == WebhookDelivery.endpoint_id,
                earlier.account_id == WebhookDelivery.account_id,
                earlier.position < WebhookDelivery.position,
                earlier.status.in_(OPEN),
            )
        )
    order = (WebhookDelivery.next_attempt_at, WebhookDelivery.position, WebhookDelivery.id)
    return db.rows(query.order_by(*order).limit(limit), record=Leased)


def lease(delivery_ids: Sequence[str], lease_id: str, until: datetime) -> None:
    """Take deliveries for an attempt."""
    values = {"lease_id": lease_id, "leased_until": until, "attempts": WebhookDelivery.attempts + 1}
    db.change(update(WebhookDelivery).where(WebhookDelivery.id.in_(delivery_ids)).values(values))


def finish(delivery_id: str, lease_id: str, values: Mapping[str, Any]) -> bool:
    """Store how an attempt ended and give up its lease; False when the lease was lost."""
    held = (WebhookDelivery.id == delivery_id, WebhookDelivery.lease_id == lease_id)
    freed = {**values, "lease_id": None, "leased_until": None}
    return db.change(update(WebhookDelivery).where(*held).values(freed)) == 1


def confirm(lease_id: str, outcomes: Sequence[tuple[str, Mapping[str, Any]]]) -> None:
    """Store that attempts succeeded, each by the delivery's id and the new values, as :func:`finish`.

    All are stored in one round trip, because successes are the most.
    """
    db.change(
        _CONFIRM,
        [
            {"delivery_id": delivery_id, "held_lease_id": lease_id}
            | {f"new_{name}": value for name, value in values.items()}
            for delivery_id, values in outcomes
        ],
    )


def give_back(delivery_ids: Sequence[str], lease_id: str) -> None:
    """Give up the lease of deliveries whose attempt did not begin, and no longer count the attempt."""
    held = (WebhookDelivery.id.in_(delivery_ids), WebhookDelivery.lease_id == lease_id)
    freed = {"lease_id": None, "leased_until": None, "attempts": WebhookDelivery.attempts - 1}
    db.change(update(WebhookDelivery).where(*held).values(freed))


def purge(before: datetime, limit: int) -> int:
    """Delete at most ``limit`` deliveries that were made before a time, and return how many that were."""
    old = select(WebhookDelivery.id).where(WebhookDelivery.created_at < before).limit(limit)
    return db.change(delete(_TABLE).where(_TABLE.c.id.in_(old.scalar_subquery())))
