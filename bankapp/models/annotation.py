"""Annotations: what a customer notes about a transaction on their own side of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Json, Model, PrimaryKey, UtcDateTime


class Annotation(Model):
    """Category, notes and tags (a JSON array of texts) of one transaction.

    The row stays when they are emptied, so that a version never comes back.
    """

    __tablename__ = "annotations"
    __table_args__ = (CheckConstraint("version >= 0", name="version_positive"),)

    transaction_id: Mapped[PrimaryKey] = mapped_column(ForeignKey("transactions.id"))
    user_id: Mapped[str] = mapped_column(Id, ForeignKey("users.id"))
    category: Mapped[str | None] = mapped_column(String(30))
    notes: Mapped[str | None] = mapped_column(String(500))
    tags: Mapped[list[str]] = mapped_column(Json)
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Remarks(NamedTuple):
    """The content of an annotation, as a transaction shows it to its owner."""

    category: str | None
    notes: str | None
    tags: list[str]


class AnnotationRecord(NamedTuple):
    """An annotation as it was read. Version 0 is a transaction that was never annotated."""

    transaction_id: str
    category: str | None = None
    notes: str | None = None
    tags: list[str] = []  # noqa: RUF012 - a default that nobody changes
    version: int = 0
    updated_at: datetime | None = None
