"""Events: what happened to the resources of a user, stored with what made it happen.

The commit that changes a resource stores its event. Triggers make the events of transactions and transfers, so that
no money moves without them. Afterwards the sequencer (:func:`number`) gives each event a position in two streams: that
of its user and that of the bank. Both count from 1 without gaps.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, partial
from typing import Any, Final, Literal, Protocol, get_type_hints

from bankapp import clock, context, db, errors, ids
from bankapp.listing import Owner
from bankapp.models import (
    AccountRecord,
    ApiKeyRecord,
    AuthorizationRecord,
    CardLimitsRecord,
    CardRecord,
    EventRecord,
    NumberedEvent,
    SessionRecord,
    WebhookEndpointRecord,
)
from bankapp.models.event import CARD_LIMITS_CHANGED, TRANSACTION_CREATED, TRANSFER_CREATED, TRANSFER_REVERSED
from bankapp.repositories import events, transactions, transfers

NUMBERED_AT_ONCE: Final = 500
"""How many events one transaction of the sequencer numbers."""

NEWS_AT_ONCE: Final = 5_000
"""Of more new events their users are not asked for."""

LATEST: Final = "latest"
"""In place of a position: the end of the stream."""

Start = int | Literal["latest"] | None
"""Where a reader begins: after a position, with the next event, or (None) with the oldest event that is kept."""

USER: Final = "user"
BANK: Final = "bank"
STREAMS: Final = (USER, BANK)


class Resource(Protocol):
    """A record that an event can be about."""

    @property
    def id(self) -> str:
        """The resource's id."""

    @property
    def user_id(self) -> str:
        """The id of the user who owns the resource."""

    def _asdict(self) -> dict[str, Any]: ...


class PastAuthorization(AuthorizationRecord):
    """An authorization as it was when its event happened: its hold does not expire by the passing of time."""

    @property
    def is_overdue(self) -> bool:
        """False: an expiry is an event of its own."""
        return False


_RECORDS: Final[Mapping[str, Any]] = {
    "account": AccountRecord,
    "card": CardRecord,
    CARD_LIMITS_CHANGED: CardLimitsRecord,
    "authorization": PastAuthorization,
    "session": SessionRecord,
    "api_key": ApiKeyRecord,
    "webhook_endpoint": WebhookEndpointRecord,
}
"""The part of an event's type before the dot, or the whole type → the record in its ``data``."""


_LEFT_OUT: Final = frozenset({"first_name", "last_name", "secret_hash", "previous_hash"})
"""Fields of records that no event shows. An event never changes, so it must not keep what may have to be erased."""


@dataclass(frozen=True, slots=True)
class Event:
    """A numbered event with its resource: the record of the resource as it was when the event happened."""

    id: str
    type: str
    position: int
    created_at: datetime
    user_id: str
    resource_id: str
    resource: Any

    @property
    def resource_type(self) -> str:
        """The kind of the resource, which is the part of the type before the dot."""
        return self.type.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a stream: ``items`` ascending, and the position up to which the stream was read."""

    items: Sequence[Event]
    last_position: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class News:
    """The last position of the bank's stream, and the ids of the users of the new events (None: any user)."""

    last_position: int
    user_ids: frozenset[str] | None


def row_about(type: str, record: Resource, account_id: str | None = None) -> dict[str, Any]:
    """Return the event ``type`` about a resource as it is now, with a copy of its record, by column name."""
    return {
        "id": ids.new(),
        "type": type,
        "user_id": record.user_id,
        "resource_id": record.id,
        "account_id": account_id,
        "account_sequence": None,
        "data": {name: _to_json(value) for name, value in record._asdict().items() if name not in _LEFT_OUT},
        "created_at": clock.now(),
        "position": None,
        "user_position": None,
    }


def record(type: str, resource: Resource, account_id: str | None = None) -> None:
    """Store the event ``type`` about a resource in the current transaction."""
    events.add(row_about(type, resource, account_id))


def number(limit: int = NUMBERED_AT_ONCE) -> int:
    """Give the next ``limit`` events without a position their positions, in one transaction; return their number.

    An event gets its number after its commit. Commits finish in another order than they begin, so a number given
    earlier could become visible after a higher one, and a reader would miss the event.
    """
    if not backlog()[0]:
        # Without this look, an idle sequencer would take SQLite's only write lock several times a second.
        return 0

    def give() -> int:
        return events.number(limit)

    return db.run(give)


def backlog() -> tuple[int, float]:
    """Return how many events wait for their positions, and the age of the oldest in seconds."""
    count, oldest = events.unnumbered()
    return count, 0.0 if oldest is None else max(0.0, (clock.now() - oldest).total_seconds())


def read(
    after: Start,
    *,
    stream: str = USER,
    type: str | None = None,
    resource_id: str | None = None,
    limit: int,
) -> Stretch:
    """Return the events of the caller's stream, or of the bank's, that come after ``after``.

    Raises Forbidden for the bank's stream when the caller is no admin, and EventsExpired for a position whose next
    event is older than the retention.
    """
    caller = context.user()
    if stream == BANK and caller.role != context.ADMIN:
        raise errors.Forbidden("Only an admin may read the bank's stream.")
    owner = None if stream == BANK else Owner(caller.id, caller.account_ids)
    user_id = None if owner is None else owner.user_id
    oldest_kept = clock.now() - context.config().event_retention
    with db.snapshot():
        last = events.last_position(user_id)
        start = _start(user_id, after, last, oldest_kept)
        rows = events.after(owner, start, last, limit + 1, type=type, resource_id=resource_id)
        has_more = len(rows) > limit
        items = _with_resources(rows[:limit])
    return Stretch(items, items[-1].position if has_more else max(last, start), has_more)


def newest(before: int | None, *, type: str | None = None, limit: int) -> Sequence[Event]:
    """Return the newest events of the caller's stream that are kept, newest first; ``before`` is a position."""
    caller = context.user()
    oldest_kept = clock.now() - context.config().event_retention
    with db.snapshot():
        owner = Owner(caller.id, caller.account_ids)
        return _with_resources(events.newest(owner, before, oldest_kept, limit, type=type))


def between(
    user_id: str, first: int, last: int | None, *, types: Sequence[str] | None, limit: int
) -> Sequence[NumberedEvent]:
    """Return events of a user from one position to another, ascending. Raises EventsExpired as :func:`read`."""
    end = events.last_position(user_id)
    _start(user_id, first - 1, end, clock.now() - context.config().event_retention)
    return events.between(user_id, first, last, types, limit)


def by_ids(event_ids: Sequence[str]) -> Mapping[str, Event]:
    """Return numbered events with their resources by id, each with its position in the stream of its user."""
    with db.snapshot():
        return {event.id: event for event in _with_resources(events.by_ids(event_ids))}


def news_after(position: int | None) -> News:
    """Return what was numbered after a position of the bank's stream. With None, only the last position is read."""
    last = events.last_position(None)
    if position is None or last == position:
        return News(last, None if position is None else frozenset())
    if last - position > NEWS_AT_ONCE:
        return News(last, None)
    return News(last, frozenset(events.user_ids(position, last)))


def _start(user_id: str | None, after: Start, last: int, oldest_kept: datetime) -> int:
    if after is None:
        # Positions are given in the order of time, but for commits that ran at the same moment.
        return bisect_left(range(1, last + 1), oldest_kept, key=partial(events.created_at, user_id))
    if after == LATEST:
        return last
    if after < last and events.created_at(user_id, after + 1) < oldest_kept:
        raise errors.EventsExpired(f"The event at position {after + 1} is older than the retention.")
    return after


def _with_resources(rows: Sequence[EventRecord]) -> list[Event]:
    named: dict[str, list[str]] = {TRANSACTION_CREATED: [], TRANSFER_CREATED: [], TRANSFER_REVERSED: []}
    for row in rows:
        if row.type in named:
            named[row.type].append(row.resource_id)
    made = {found.id: found for found in transactions.by_ids(named[TRANSACTION_CREATED])}
    moved = {found.id: found for found in transfers.by_ids(named[TRANSFER_CREATED] + named[TRANSFER_REVERSED])}

    def resource(row: EventRecord) -> Any:
        if row.type == TRANSACTION_CREATED:
            return made[row.resource_id]
        if row.type == TRANSFER_CREATED:
            return moved[row.resource_id]._replace(reversed_by_transfer_id=None)
        if row.type == TRANSFER_REVERSED:
            return moved[row.resource_id]
        assert row.data is not None, "an event that is not about the ledger has a copy of its record"
        return _from_json(_RECORDS.get(row.type) or _RECORDS[row.type.partition(".")[0]], row.data)

    return [
        Event(row.id, row.type, row.position, row.created_at, row.user_id, row.resource_id, resource(row))
        for row in rows
    ]


def _to_json(value: Any) -> Any:
    if isinstance(value, datetime):
        return clock.to_text(value)
    return value.isoformat() if isinstance(value, date) else value


def _from_json(record: Any, data: Mapping[str, Any]) -> Any:
    readers = _readers(record)
    values = {name: read(data[name]) for name, read in readers.items() if data.get(name) is not None}
    return record(**{**dict.fromkeys(record._fields), **data, **values})


@cache
def _readers(record: Any) -> Mapping[str, Callable[[str], Any]]:
    """Return the functions that read the times and dates of a record from text, by field."""
    readers: dict[str, Callable[[str], Any]] = {}
    for name, hint in get_type_hints(record).items():
        if hint in (datetime, datetime | None):
            readers[name] = clock.from_text
        elif hint is date:
            readers[name] = date.fromisoformat
    return readers
