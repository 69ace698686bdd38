"""API keys: long-lived secrets with which a server acts for a user."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Json, Model, PrimaryKey, UtcDateTime


class ApiKey(Model):
    """An API key. Only the SHA-256 of its secret is stored, and the secret's last four characters.

    What the key may do never changes: name, scopes, accounts, networks and expiry. ``account_ids`` and
    ``ip_allowlist`` are null for a key without that limit. ``previous_hash`` is the secret before the last roll,
    which counts until ``previous_expires_at``.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("(previous_hash IS NULL) = (previous_expires_at IS NULL)", name="previous_expires"),
        Index(None, "user_id", "id"),
    )

    id: Mapped[PrimaryKey]
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    name: Mapped[str] = mapped_column(String(80))
    scopes: Mapped[list[str]] = mapped_column(Json)
    account_ids: Mapped[list[str] | None] = mapped_column(Json)
    ip_allowlist: Mapped[list[str] | None] = mapped_column(Json)
    last4: Mapped[str] = mapped_column(String(4))
    secret_hash: Mapped[str] = mapped_column(String(64), unique=True)
    previous_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    previous_expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ApiKeyRecord(NamedTuple):
    """An API key as it was read."""

    id: str
    user_id: str
    name: str
    scopes: list[str]
    account_ids: list[str] | None
    ip_allowlist: list[str] | None
    last4: str
    secret_hash: str
    previous_hash: str | None
    previous_expires_at: datetime | None
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None

    @property
    def account_id(self) -> None:
        """None: an API key belongs to no account."""
