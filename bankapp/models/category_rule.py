"""Category rules: which category transactions get that their owner has not annotated with one."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.transaction import DIRECTIONS
from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime, one_of


class CategoryRule(Model):
    """A rule of a user: a transaction that meets all its conditions has ``category``. Null is no condition.

    Of the rules that match, the one with the lowest ``position`` counts; of equal positions the oldest. Amounts are
    minor units, whatever the currency.
    """

    __tablename__ = "category_rules"
    __table_args__ = (
        one_of("type", *DIRECTIONS),
        CheckConstraint(
            "counterparty IS NOT NULL OR words IS NOT NULL OR type IS NOT NULL"
            " OR min_amount IS NOT NULL OR max_amount IS NOT NULL",
            name="has_condition",
        ),
        Index(None, "user_id", "id"),
    )

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    position: Mapped[int]
    category: Mapped[str] = mapped_column(String(30))
    counterparty: Mapped[str | None] = mapped_column(String(210))
    words: Mapped[str | None] = mapped_column(String(210))
    type: Mapped[str | None] = mapped_column(String(16))
    min_amount: Mapped[int | None] = mapped_column(BigInteger)
    max_amount: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class CategoryRuleRecord(NamedTuple):
    """A category rule as it was read; amounts are minor units."""

    id: str
    user_id: str
    position: int
    category: str
    counterparty: str | None
    words: str | None
    type: str | None
    min_amount: int | None
    max_amount: int | None
    created_at: datetime

    @property
    def account_id(self) -> None:
        """None: a rule belongs to no account of the user."""
