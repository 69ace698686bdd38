"""Cards. The full card number is shown once and never stored."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime, one_of
from bankapp.money import MAX_AMOUNT

TYPES: Final = ("virtual", "physical")
STATUSES: Final = ("active", "blocked", "terminated")


class Card(Model):
    """A card on an account. ``expires`` is its last valid day (UTC). A limit is minor units, or None for no limit."""

    __tablename__ = "cards"
    __table_args__ = (
        one_of("type", *TYPES),
        one_of("status", *STATUSES),
        CheckConstraint(f"limit_per_authorization BETWEEN 1 AND {MAX_AMOUNT}", name="limit_per_authorization_range"),
        CheckConstraint(f"limit_per_day BETWEEN 1 AND {MAX_AMOUNT}", name="limit_per_day_range"),
        Index(None, "account_id", "id"),
    )

    id: Mapped[PrimaryKey]
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"))
    type: Mapped[str] = mapped_column(String(16))
    last4: Mapped[str] = mapped_column(String(4))
    status: Mapped[str] = mapped_column(String(16))
    expires: Mapped[date]
    limit_per_authorization: Mapped[int | None] = mapped_column(BigInteger)
    limit_per_day: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CardRecord(NamedTuple):
    """A card as it was read, with its account's currency, number and holder; limits are minor units."""

    id: str
    account_id: str
    type: str
    last4: str
    status: str
    expires: date
    limit_per_authorization: int | None
    limit_per_day: int | None
    created_at: datetime
    user_id: str
    currency: str
    account_type: str
    account_number: str
    first_name: str
    last_name: str


class CardLimitsRecord(NamedTuple):
    """A card's limits, and the amount used today. Amounts are minor units; a limit of None is no limit.

    ``used_today`` becomes zero at ``resets_at``, the next midnight in UTC.
    """

    card_id: str
    user_id: str
    currency: str
    per_authorization: int | None
    per_day: int | None
    used_today: int
    resets_at: datetime

    @property
    def id(self) -> str:
        """The card's id: limits have none of their own."""
        return self.card_id
