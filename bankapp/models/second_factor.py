"""The second factor: a user's TOTP secret, and recovery codes for a lost device."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime


class SecondFactor(Model):
    """An encrypted TOTP secret (RFC 6238). Sign-in asks for a code if ``confirmed_at`` is set.

    ``last_step`` is the time step of the last accepted code. Codes of this step and of earlier steps are refused.
    """

    __tablename__ = "second_factors"

    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"), primary_key=True)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    confirmed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SecondFactorRecord(NamedTuple):
    """A second factor as it was read; the secret is encrypted."""

    user_id: str
    sealed_secret: bytes
    confirmed_at: datetime | None


class RecoveryCode(Model):
    """A code that replaces the second factor once. Only the SHA-256 of its 120 random bits is stored."""

    __tablename__ = "recovery_codes"
    __table_args__ = (UniqueConstraint("user_id", "code_hash"),)

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    code_hash: Mapped[str] = mapped_column(String(64))
    used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
