"""Users, their sign-in sessions, access tokens and refresh tokens."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.context import ROLES
from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime, one_of

USER_STATUSES = ("active", "disabled")


class User(Model):
    """A person who can sign in. ``email`` is case-folded."""

    __tablename__ = "users"
    __table_args__ = (one_of("role", *ROLES), one_of("status", *USER_STATUSES))

    id: Mapped[PrimaryKey]
    email: Mapped[str] = mapped_column(String(254), unique=True)
    hashed_password: Mapped[str] = mapped_column(String(128))
    role: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class UserRecord(NamedTuple):
    """A user as it was read."""

    id: str
    email: str
    hashed_password: str
    role: str
    status: str
    created_at: datetime

    def __repr__(self) -> str:
        """Return the user without e-mail address and password hash, which no log may show."""
        return f"UserRecord(id={self.id!r}, role={self.role!r}, status={self.status!r})"


class Session(Model):
    """One sign-in on one device. Its id is the ``family_id`` of refresh tokens and the ``sid`` of access tokens."""

    __tablename__ = "sessions"
    __table_args__ = (Index(None, "user_id", "id"), Index(None, "expires_at"))

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    ip_address: Mapped[str | None] = mapped_column(String(45))
    device_id: Mapped[str | None] = mapped_column(String(128))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SessionRecord(NamedTuple):
    """A sign-in session as it was read."""

    id: str
    user_id: str
    ip_address: str | None
    device_id: str | None
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    revoked_at: datetime | None

    @property
    def account_id(self) -> None:
        """None: a session belongs to no account."""


class AuthToken(Model):
    """An access token that was issued. Its ``jti`` is stored, the token itself is not."""

    __tablename__ = "auth_tokens"
    __table_args__ = (Index(None, "session_id"), Index(None, "expires_at"))

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    session_id: Mapped[str] = mapped_column(Id, ForeignKey("sessions.id"))
    jti: Mapped[str] = mapped_column(Id, unique=True)
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RefreshToken(Model):
    """A refresh token. Only the SHA-256 of its 256 random bits is stored.

    ``rotated_at`` is the time at which it was exchanged for its successor. Its use after that means that two parties
    may hold it (RFC 9700 §4.14.2). ``family_id`` is the id of its session.
    """

    __tablename__ = "refresh_tokens"
    __table_args__ = (Index(None, "family_id"), Index(None, "expires_at"))

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    family_id: Mapped[str] = mapped_column(Id, ForeignKey("sessions.id"))
    issued_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    rotated_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ip_address: Mapped[str | None] = mapped_column(String(45))
    device_id: Mapped[str | None] = mapped_column(String(128))


class RefreshTokenRecord(NamedTuple):
    """The row of a refresh token as it was read."""

    id: str
    user_id: str
    family_id: str
    rotated_at: datetime | None
