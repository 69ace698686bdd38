"""Account holders: the personal data of users who may open accounts."""

from __future__ import annotations

from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime


class AccountHolder(Model):
    """The person who owns accounts; at most one per user. ``version`` counts changes and is the ETag."""

    __tablename__ = "account_holders"

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), unique=True)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    dob: Mapped[date]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class AccountHolderRecord(NamedTuple):
    """An account holder as it was read, with the e-mail address of the user."""

    id: str
    user_id: str
    first_name: str
    last_name: str
    dob: date
    version: int
    created_at: datetime
    email: str

    @property
    def account_id(self) -> None:
        """None: an account holder belongs to no account."""
