"""Queries on events and their numbering."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, over, select, update
from sqlalchemy.orm import InstrumentedAttribute, aliased

from bankapp import db
from bankapp.listing import Owner
from bankapp.models import Event, EventRecord, EventSequencer, NumberedEvent
from bankapp.repositories.selecting import select_record

_UNNUMBERED = Event.position.is_(None)
_SEQUENCER: Any = EventSequencer.__table__

# Commits of one account come in the order of its sequence, and its times do not run backwards. So a snapshot that has
# an event of an account has all earlier ones, and this order never swaps two transactions of an account.
_ORDER = (Event.created_at, func.coalesce(Event.account_sequence, 0), Event.id)


def add(row: dict[str, Any]) -> None:
    """Store a new event without a position."""
    db.insert(Event, row)


def unnumbered() -> tuple[int, datetime | None]:
    """Return how many events have no position yet, and the time of the oldest (None: there is none)."""
    row = db.one(select(func.count().label("count"), func.min(Event.created_at).label("oldest")).where(_UNNUMBERED))
    return row.count, row.oldest


def number(limit: int) -> int:
    """Give the next ``limit`` events their positions in both streams, in the open transaction; return how many.

    Only one transaction at a time numbers events: it locks the sequencer's row.
    """
    locked = select(EventSequencer.last_position).where(EventSequencer.id == bindparam("sequencer_id"))
    last = int(db.value(locked.with_for_update(), {"sequencer_id": 1}))
    numbered = db.change(_number(last, limit))
    if numbered:
        db.change(update(_SEQUENCER).values(last_position=last + numbered))
    return numbered


def _number(last: int, limit: int) -> Any:
    earlier = aliased(Event)
    batch = (
        select(Event.id, Event.user_id, over(func.row_number(), order_by=_ORDER).label("place"))
        .where(_UNNUMBERED)
        .order_by(*_ORDER)
        .limit(limit)
        .subquery()
    )
    places = select(
        batch.c.id,
        batch.c.user_id,
        batch.c.place,
        over(func.row_number(), partition_by=batch.c.user_id, order_by=batch.c.place).label("user_place"),
    ).subquery()
    last_of_user = (
        select(func.coalesce(func.max(earlier.user_position), 0))
        .where(earlier.user_id == places.c.user_id, earlier.user_position.is_not(None))
        .correlate(places)
        .scalar_subquery()
    )
    positions = select(
        places.c.id, (last + places.c.place).label("position"), (last_of_user + places.c.user_place).label("of_user")
    ).subquery()
    return (
        update(Event)
        .where(Event.id == positions.c.id)
        .values(position=positions.c.position, user_position=positions.c.of_user)
        .execution_options(synchronize_session=False)
    )


def last_position(user_id: str | None) -> int:
    """Return the last position of a user's stream, or with None of the bank's; 0 for an empty stream."""
    position = _position(user_id)
    return int(db.value(_of(user_id, select(func.coalesce(func.max(position), 0)).where(position.is_not(None)))))


def created_at(user_id: str | None, position: int) -> datetime:
    """Return the time of the event at a position of a stream, which must have one."""
    found: datetime = db.value(_of(user_id, select(Event.created_at).where(_position(user_id) == position)))
    return found


def after(
    owner: Owner | None, position: int, until: int, limit: int, *, type: str | None, resource_id: str | None
) -> Sequence[EventRecord]:
    """Return at most ``limit`` events of an owner's stream, or of the bank's, after ``position`` and up to ``until``.

    They are ascending. An owner who is limited to some accounts gets only the events of these.
    """
    user_id = None if owner is None else owner.user_id
    column = _position(user_id)
    query = select_record(EventRecord, Event, position=column).where(column > position, column <= until)
    if type is not None:
        query = query.where(Event.type == type)
    if resource_id is not None:
        query = query.where(Event.resource_id == resource_id)
    if owner is not None and owner.account_ids is not None:
        query = query.where(Event.account_id.in_(owner.account_ids))
    return db.rows(_of(user_id, query).order_by(column).limit(limit), record=EventRecord)


def newest(
    owner: Owner, before: int | None, oldest_kept: datetime, limit: int, *, type: str | None
) -> Sequence[EventRecord]:
    """Return at most ``limit`` events of an owner's stream that are not older than ``oldest_kept``, newest first.

    They come before a position (None: the end of the stream).
    """
    column = Event.user_position
    query = select_record(EventRecord, Event, position=column).where(Event.created_at >= oldest_kept)
    query = query.where(column.is_not(None) if before is None else column < before)
    if type is not None:
        query = query.where(Event.type == type)
    if owner.account_ids is not None:
        query = query.where(Event.account_id.in_(owner.account_ids))
    return db.rows(_of(owner.user_id, query).order_by(column.desc()).limit(limit), record=EventRecord)


def numbered_after(position: int, limit: int) -> Sequence[NumberedEvent]:
    """Return at most ``limit`` events of the bank's stream after a position, ascending."""
    query = select_record(NumberedEvent, Event).where(Event.position > position)
    return db.rows(query.order_by(Event.position).limit(limit), record=NumberedEvent)


def between(
    user_id: str, first: int, last: int | None, types: Sequence[str] | None, limit: int
) -> Sequence[NumberedEvent]:
    """Return at most ``limit`` events of a user, ascending, from one position to another (None: the last)."""
    query = select_record(NumberedEvent, Event).where(Event.user_id == user_id, Event.user_position >= first)
    if last is not None:
        query = query.where(Event.user_position <= last)
    if types is not None:
        query = query.where(Event.type.in_(types))
    return db.rows(query.order_by(Event.user_position).limit(limit), record=NumberedEvent)


def by_ids(event_ids: Sequence[str]) -> Sequence[EventRecord]:
    """Return numbered events, in no order, each with its position in the stream of its user."""
    query = select_record(EventRecord, Event, position=Event.user_position).where(Event.id.in_(event_ids))
    return db.rows(query, record=EventRecord)


def user_ids(position: int, until: int) -> Sequence[str]:
    """Return the users of the events after ``position`` and up to ``until`` in the bank's stream."""
    query = select(Event.user_id).distinct().where(Event.position > position, Event.position <= until)
    return [row[0] for row in db.rows(query)]


def _position(user_id: str | None) -> InstrumentedAttribute[int | None]:
    return Event.position if user_id is None else Event.user_position


def _of(user_id: str | None, query: Any) -> Any:
    if user_id is None:
        return query
    is_of_user: ColumnElement[bool] = Event.user_id == user_id
    return query.where(is_of_user)
