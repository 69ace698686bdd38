"""Accounts: customers' accounts and the bank's cash accounts, each in one currency."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime, one_of
from bankapp.money import MAX_BALANCE

CUSTOMER_TYPES: Final = ("checking", "savings")
CASH: Final = "cash"
STATUSES: Final = ("active", "frozen", "closed")


class Account(Model):
    """An account. ``balance`` and ``held`` are minor units; ``number`` is an IBAN (ISO 13616).

    Triggers change ``balance``, ``sequence`` (the number of the last transaction) and ``last_posted_at`` when a
    transaction is inserted. They change ``held`` when an authorization changes. Nothing else changes the four.
    On the bank's own cash accounts (type ``cash``, no holder) they never change: the balance is derived, so that
    deposits do not wait for a lock on one row.

    ``name`` and ``position`` are the owner's own: what the account is called, and its place among the owner's accounts.
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
    balance: Mapped[int] = mapped_column(BigInteger)
    held: Mapped[int] = mapped_column(BigInteger)
    sequence: Mapped[int] = mapped_column(BigInteger)
    last_posted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    name: Mapped[str | None] = mapped_column(String(80))
    position: Mapped[int | None] = mapped_column(SmallInteger)


class AccountRecord(NamedTuple):
    """A customer's account with its holder, as it was read; amounts are minor units.

    ``available_balance`` is the balance less the holds that have not expired. Accounts without a ``position`` come
    after those that have one.
    """

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
    # Events that an earlier release stored lack these two.
    name: str | None = None
    position: int | None = None

    @property
    def account_id(self) -> str:
        """The id again, by the name under which other records have their account's."""
        return self.id
