"""Account holders: the person behind a user."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime
from bankapp.models.user import User


class AccountHolder(Model):
    """The person whose money it is; one per user. ``version`` counts changes (the ETag)."""

    __tablename__ = "account_holders"

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), unique=True)
    first_name: Mapped[str] = mapped_column(String(100))
    last_name: Mapped[str] = mapped_column(String(100))
    dob: Mapped[date]
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)

    user: Mapped[User] = relationship()
