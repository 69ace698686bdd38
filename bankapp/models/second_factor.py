"""The second factor: a user's TOTP secret, and the recovery codes for when the device is lost."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime


class SecondFactor(Model):
    """A TOTP secret (RFC 6238), encrypted; it counts once ``confirmed_at`` is set.

    ``last_step`` is the time step of the last code that was accepted: none at or before it is again.
    """

    __tablename__ = "second_factors"

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), primary_key=True)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SecondFactorRecord(NamedTuple):
    """A second factor as it was read; its secret is encrypted."""

    user_id: str
    sealed_secret: bytes
    confirmed_at: datetime | None


class RecoveryCode(Model):
    """A code that works once instead of the second factor; stored as SHA-256 of its 120 random bits."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
