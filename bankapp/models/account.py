"""Accounts: a balance in one currency."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bankapp.models.account_holder import AccountHolder
from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime, one_of
from bankapp.money import MAX_BALANCE

CUSTOMER_TYPES: Final = ("checking", "savings")
CASH: Final = "cash"
STATUSES: Final = ("active", "frozen", "closed")


class Account(Model):
    """An account. ``balance`` and ``held`` are minor units; ``number`` is an IBAN.

    ``balance``, ``sequence`` (number of its last transaction) and ``last_posted_at`` are moved by
    the database when a transaction is inserted, by nothing else. The bank's own cash accounts (type
    ``cash``, no holder) keep all three at rest: theirs is derived, so no deposit waits for another.
    ``held`` follows the authorizations the same way; ``overdue`` is what of it belongs to holds that
    have expired and were not released yet.
    """

    __tablename__ = "accounts"
    __table_args__ = (
        one_of("type", *CUSTOMER_TYPES, CASH),
        one_of("status", *STATUSES),
        CheckConstraint(f"balance BETWEEN 0 AND {MAX_BALANCE}", name="balance_range"),
        CheckConstraint("held BETWEEN 0 AND balance", name="balance_covers_held"),
        CheckConstraint("sequence >= 0", name="sequence_positive"),
        CheckConstraint(f"(type = '{CASH}') = (holder_id IS NULL)", name="cash_has_no_holder"),
        CheckConstraint(f"type <> '{CASH}' OR (balance = 0 AND sequence = 0)", name="cash_balance_derived"),
        CheckConstraint("status <> 'closed' OR balance = 0", name="closed_is_empty"),
        CheckConstraint(f"type <> '{CASH}' OR status = 'active'", name="cash_stays_active"),
        Index(None, "holder_id", "id"),
    )

    id: Mapped[PrimaryKey]
    holder_id: Mapped[str | None] = mapped_column(Id, ForeignKey("account_holders.id"))
    number: Mapped[str] = mapped_column(String(34), unique=True)
    type: Mapped[str] = mapped_column(String(16))
    currency: Mapped[str] = mapped_column(String(3))
    balance: Mapped[int] = mapped_column(BigInteger, default=0)
    held: Mapped[int] = mapped_column(BigInteger, default=0)
    sequence: Mapped[int] = mapped_column(BigInteger, default=0)
    last_posted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16), default="active")
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    holder: Mapped[AccountHolder | None] = relationship()
    if TYPE_CHECKING:
        overdue: Mapped[int]

    @hybrid_property
    def available_balance(self) -> int:
        """Return what can be spent: the balance less the holds on it that have not expired, in minor units."""
        return self.balance - self.held + self.overdue

    @property
    def user_id(self) -> str | None:
        """The user who owns it; None for the bank's own."""
        return self.holder.user_id if self.holder else None


class AccountView(NamedTuple):
    """An account with what is looked at of its holder; amounts are minor units."""

    id: str
    number: str
    type: str
    currency: str
    balance: int
    available_balance: int
    status: str
    created_at: datetime
    holder_id: str
    user_id: str
    first_name: str
    last_name: str
