"""Webhooks: the endpoints of users, and what is delivered to them."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Json, Model, PrimaryKey, UtcDateTime, one_of

ACTIVE: Final = "active"
DISABLED: Final = "disabled"
ENDPOINT_STATUSES: Final = (ACTIVE, DISABLED)

UNORDERED: Final = "none"
BY_ACCOUNT: Final = "account"
ORDERINGS: Final = (UNORDERED, BY_ACCOUNT)

REQUESTED: Final = "requested"
GONE: Final = "gone"
FAILING: Final = "failing"
REASONS: Final = (REQUESTED, GONE, FAILING)
"""Why an endpoint is disabled: its user asked for it, it answered 410, or it had no success for days."""

PENDING: Final = "pending"
DELIVERED: Final = "delivered"
FAILED: Final = "failed"
DEAD: Final = "dead"
DELIVERY_STATUSES: Final = (PENDING, DELIVERED, FAILED, DEAD)
OPEN: Final = (PENDING, FAILED)
"""What is still to be sent: not tried yet, or to be tried again."""

ANSWER_LENGTH: Final = 1024

_OPEN: Final = text("status IN ('pending', 'failed')")
_LEASED: Final = text("leased_until IS NOT NULL")
_DEAD: Final = text("status = 'dead'")


class WebhookEndpoint(Model):
    """A URL to which events of a user are sent. Secrets are encrypted; no ``event_types`` are all types.

    The previous secret also signs until ``previous_secret_expires_at``. ``failing_since`` is the first failure
    after the last success. Nothing is sent before ``not_before``, for which the endpoint asked. ``served_at`` gives
    each endpoint its turn.
    """

    __tablename__ = "webhook_endpoints"
    __table_args__ = (
        one_of("status", *ENDPOINT_STATUSES),
        one_of("ordering", *ORDERINGS),
        one_of("disabled_reason", *REASONS),
        CheckConstraint(
            f"(status = '{DISABLED}') = (disabled_at IS NOT NULL)"
            f" AND (status = '{DISABLED}') = (disabled_reason IS NOT NULL)",
            name="disabled",
        ),
        CheckConstraint(
            "(sealed_previous_secret IS NULL) = (previous_secret_expires_at IS NULL)", name="previous_secret"
        ),
        Index(None, "user_id", "id"),
    )

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    url: Mapped[str] = mapped_column(String(2000))
    event_types: Mapped[list[str] | None] = mapped_column(Json)
    description: Mapped[str | None] = mapped_column(String(140))
    status: Mapped[str] = mapped_column(String(16))
    ordering: Mapped[str] = mapped_column(String(16))
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    sealed_previous_secret: Mapped[bytes | None] = mapped_column(LargeBinary)
    previous_secret_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_reason: Mapped[str | None] = mapped_column(String(16))
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    not_before: Mapped[datetime | None] = mapped_column(UtcDateTime)
    served_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class WebhookEndpointRecord(NamedTuple):
    """An endpoint as its user sees it, without secrets."""

    id: str
    user_id: str
    url: str
    event_types: list[str] | None
    description: str | None
    status: str
    ordering: str
    previous_secret_expires_at: datetime | None
    disabled_at: datetime | None
    disabled_reason: str | None
    failing_since: datetime | None
    created_at: datetime

    @property
    def account_id(self) -> None:
        """None: an endpoint belongs to no account."""


class EndpointToServe(NamedTuple):
    """What the delivery needs of an endpoint; the secrets are encrypted."""

    id: str
    user_id: str
    url: str
    ordering: str
    sealed_secret: bytes
    sealed_previous_secret: bytes | None
    previous_secret_expires_at: datetime | None


class WebhookDelivery(Model):
    """One event on its way to one endpoint. An endpoint has at most one delivery of an event; a replay renews it.

    ``position`` is the event's place in the stream of its user. A test has no event: ``event_id`` is the delivery's
    own id, and ``position`` is null. A deliverer holds the delivery under ``lease_id`` until ``leased_until``.
    ``attempts`` counts the attempts that were begun. The last five columns tell of the last attempt that ended.
    """

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        one_of("status", *DELIVERY_STATUSES),
        CheckConstraint("attempts >= 0", name="attempts_positive"),
        CheckConstraint("(status IN ('delivered', 'dead')) = (finished_at IS NOT NULL)", name="finished"),
        CheckConstraint("(lease_id IS NULL) = (leased_until IS NULL)", name="leased"),
        Index("uq_webhook_deliveries_endpoint_id_event_id", "endpoint_id", "event_id", unique=True),
        Index(None, "endpoint_id", "id"),
        Index(
            "ix_webhook_deliveries_due",
            "endpoint_id",
            "next_attempt_at",
            "position",
            postgresql_where=_OPEN,
            sqlite_where=_OPEN,
        ),
        Index(
            "ix_webhook_deliveries_order",
            "endpoint_id",
            "account_id",
            "position",
            postgresql_where=_OPEN,
            sqlite_where=_OPEN,
        ),
        Index("ix_webhook_deliveries_leased", "endpoint_id", postgresql_where=_LEASED, sqlite_where=_LEASED),
        Index("ix_webhook_deliveries_dead", "endpoint_id", postgresql_where=_DEAD, sqlite_where=_DEAD),
        Index(None, "created_at"),
    )

    id: Mapped[PrimaryKey]
    endpoint_id: Mapped[str] = mapped_column(Id, ForeignKey("webhook_endpoints.id"))
    event_id: Mapped[str] = mapped_column(Id)
    event_type: Mapped[str] = mapped_column(String(32))
    position: Mapped[int | None] = mapped_column(BigInteger)
    account_id: Mapped[str | None] = mapped_column(Id)
    status: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int] = mapped_column(SmallInteger)
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime)
    lease_id: Mapped[str | None] = mapped_column(Id)
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    attempted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status_code: Mapped[int | None] = mapped_column(SmallInteger)
    latency_ms: Mapped[int | None] = mapped_column(BigInteger)
    error: Mapped[str | None] = mapped_column(String(32))
    answer: Mapped[str | None] = mapped_column(String(ANSWER_LENGTH))


class WebhookDeliveryRecord(NamedTuple):
    """A delivery as it was read."""

    id: str
    endpoint_id: str
    event_id: str
    event_type: str
    position: int | None
    status: str
    attempts: int
    next_attempt_at: datetime
    created_at: datetime
    finished_at: datetime | None
    attempted_at: datetime | None
    status_code: int | None
    latency_ms: int | None
    error: str | None
    answer: str | None


class WebhookFanOut(Model):
    """The one row that a fan-out locks. ``last_position`` is the place in the bank's stream up to which it came."""

    __tablename__ = "webhook_fan_out"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("last_position >= 0", name="last_position_positive"),
    )

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True, autoincrement=False)
    last_position: Mapped[int] = mapped_column(BigInteger)
