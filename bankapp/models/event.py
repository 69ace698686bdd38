"""Events: what happened to the resources of a user, in numbered streams."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Index, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Json, Model, PrimaryKey, UtcDateTime, one_of

TRANSACTION_CREATED: Final = "transaction.created"
TRANSFER_CREATED: Final = "transfer.created"
TRANSFER_REVERSED: Final = "transfer.reversed"
CARD_LIMITS_CHANGED: Final = "card.limits_changed"

WITHOUT_DATA: Final = (TRANSACTION_CREATED, TRANSFER_CREATED, TRANSFER_REVERSED)
"""Types of events about rows of the ledger. Such a row never changes, so the event does not copy it."""

TYPES: Final = (
    *WITHOUT_DATA,
    "account.opened",
    "account.frozen",
    "account.unfrozen",
    "account.closed",
    "card.issued",
    "card.blocked",
    "card.unblocked",
    "card.terminated",
    CARD_LIMITS_CHANGED,
    "authorization.created",
    "authorization.captured",
    "authorization.voided",
    "authorization.expired",
    "authorization.declined",
    "session.created",
    "api_key.created",
    "api_key.revoked",
    "webhook_endpoint.disabled",
)
"""The types of events: the resource, and what happened to it."""

_WITHOUT_DATA = ", ".join(f"'{name}'" for name in WITHOUT_DATA)
_UNNUMBERED: Final = text("position IS NULL")
_NUMBERED: Final = text("position IS NOT NULL")
_NUMBERED_FOR_USER: Final = text("user_position IS NOT NULL")


class Event(Model):
    """One thing that happened to a resource of ``user_id``. It is stored in the commit that made it happen.

    ``position`` numbers all events from 1 without gaps, ``user_position`` those of the user. Both are null until
    the sequencer has numbered the event, once. ``account_sequence`` is the sequence of the transaction that a
    ``transaction.created`` is about. ``data`` is a copy of the resource's record; events about rows of the ledger
    have none. The table has no foreign keys, because each would lock a row more for every movement of money;
    ``flask ledger verify`` compares the events with the rows that they name.
    """

    __tablename__ = "events"
    __table_args__ = (
        one_of("type", *TYPES),
        CheckConstraint("(position IS NULL) = (user_position IS NULL)", name="numbered_in_both_streams"),
        CheckConstraint("position >= 1 AND user_position >= 1", name="positions_positive"),
        CheckConstraint(
            f"(account_sequence IS NOT NULL) = (type = '{TRANSACTION_CREATED}')", name="transaction_has_sequence"
        ),
        CheckConstraint(f"(data IS NULL) = (type IN ({_WITHOUT_DATA}))", name="ledger_rows_are_not_copied"),
        Index("uq_events_position", "position", unique=True, postgresql_where=_NUMBERED, sqlite_where=_NUMBERED),
        Index(
            "uq_events_user_id_user_position",
            "user_id",
            "user_position",
            unique=True,
            postgresql_where=_NUMBERED_FOR_USER,
            sqlite_where=_NUMBERED_FOR_USER,
        ),
        Index(
            "ix_events_unnumbered",
            "created_at",
            "account_sequence",
            "id",
            postgresql_where=_UNNUMBERED,
            sqlite_where=_UNNUMBERED,
        ),
        Index(None, "resource_id"),
    )

    id: Mapped[PrimaryKey]
    type: Mapped[str] = mapped_column(String(32))
    user_id: Mapped[str] = mapped_column(Id)
    resource_id: Mapped[str] = mapped_column(Id)
    account_id: Mapped[str | None] = mapped_column(Id)
    account_sequence: Mapped[int | None] = mapped_column(BigInteger)
    data: Mapped[dict[str, Any] | None] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    position: Mapped[int | None] = mapped_column(BigInteger)
    user_position: Mapped[int | None] = mapped_column(BigInteger)


class EventRecord(NamedTuple):
    """A numbered event as it was read; ``position`` is that of the stream it was read from."""

    id: str
    type: str
    user_id: str
    resource_id: str
    account_id: str | None
    data: dict[str, Any] | None
    created_at: datetime
    position: int


class NumberedEvent(NamedTuple):
    """Where an event belongs: what is needed of it to send it somewhere."""

    id: str
    type: str
    user_id: str
    account_id: str | None
    created_at: datetime
    position: int
    user_position: int


class EventSequencer(Model):
    """The one row that a sequencer locks while it numbers events. ``last_position`` is the last number it gave."""

    __tablename__ = "event_sequencer"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("last_position >= 0", name="last_position_positive"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    last_position: Mapped[int] = mapped_column(BigInteger)
