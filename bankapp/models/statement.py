"""Monthly statements that were made: records, which are never changed."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime


class Statement(Model):
    """The statement of an account over one calendar month (UTC); balances are minor units.

    ``number`` counts the account's statements from 1 without a gap. The entries are the transactions of the account
    from ``first_sequence`` to ``last_sequence``; in a month without entries the last comes just before the first.
    ``holder_name`` is the holder's name when the record was made. ``content_hash`` is the SHA-256 of what the
    statement says, in 64 hexadecimal digits.
    """

    __tablename__ = "statements"
    __table_args__ = (
        CheckConstraint("number >= 1", name="number_positive"),
        CheckConstraint("from_date <= to_date", name="days_in_order"),
        CheckConstraint("first_sequence >= 1 AND entry_count >= 0", name="entries_positive"),
        CheckConstraint("last_sequence - first_sequence + 1 = entry_count", name="entries_without_gap"),
        UniqueConstraint("account_id", "number"),
    )

    id: Mapped[PrimaryKey]
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"))
    number: Mapped[int] = mapped_column(Integer)
    from_date: Mapped[date] = mapped_column(Date)
    to_date: Mapped[date] = mapped_column(Date)
    opening_balance: Mapped[int] = mapped_column(BigInteger)
    closing_balance: Mapped[int] = mapped_column(BigInteger)
    entry_count: Mapped[int] = mapped_column(BigInteger)
    first_sequence: Mapped[int] = mapped_column(BigInteger)
    last_sequence: Mapped[int] = mapped_column(BigInteger)
    holder_name: Mapped[str] = mapped_column(String(201))
    content_hash: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class StatementRecord(NamedTuple):
    """A monthly statement as it was read or made; balances are minor units."""

    id: str
    account_id: str
    number: int
    from_date: date
    to_date: date
    opening_balance: int
    closing_balance: int
    entry_count: int
    first_sequence: int
    last_sequence: int
    holder_name: str
    content_hash: str
    created_at: datetime
