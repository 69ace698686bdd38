"""Saved payees: the people and companies that a customer pays again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime


class Payee(Model):
    """A payee that a user has saved; ``account_number`` is an IBAN, of this bank or another.

    ``trusted`` is the user's own mark, set with password and second factor.
    """

    __tablename__ = "payees"
    __table_args__ = (UniqueConstraint("user_id", "account_number"), Index(None, "user_id", "id"))

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(140))
    account_number: Mapped[str] = mapped_column(String(34))
    nickname: Mapped[str | None] = mapped_column(String(80))
    trusted: Mapped[bool]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class PayeeRecord(NamedTuple):
    """A payee as it was read. ``last_paid_at`` is the user's last transfer to the payee's account."""

    id: str
    user_id: str
    name: str
    account_number: str
    nickname: str | None
    trusted: bool
    created_at: datetime
    last_paid_at: datetime | None

    @property
    def account_id(self) -> None:
        """None: a payee belongs to no account of the user."""
