"""Column types that differ by dialect, and the definitions that all tables share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from sqlalchemy import JSON, CheckConstraint, DateTime, Dialect, String, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import mapped_column
from sqlalchemy.types import TypeDecorator, TypeEngine

from bankapp import clock
from bankapp.extensions import db

if TYPE_CHECKING:
    from sqlalchemy.orm import DeclarativeBase as Model
else:
    Model = db.Model

__all__ = ["Id", "IdType", "Json", "Model", "PrimaryKey", "UtcDateTime", "one_of"]


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC: ``timestamptz`` on PostgreSQL, RFC 3339 text of fixed width on SQLite.

    Texts of fixed width have the order of their times, so the same SQL works on both.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the dialect."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Return the time as the dialect stores it. Raises ValueError for a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a time zone cannot be stored")
        return clock.to_text(value) if dialect.name == "sqlite" else value

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any] | None:
        """Return the converter of parameters on SQLite; PostgreSQL's driver needs none."""
        return super().bind_processor(dialect) if dialect.name == "sqlite" else None

    def process_result_value(self, value: str | None, dialect: Dialect) -> datetime | None:
        """Return a stored time as an aware one in UTC."""
        return None if value is None else clock.from_text(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return the converter of results on SQLite. PostgreSQL's driver needs none, since its sessions are in UTC."""
        return super().result_processor(dialect, coltype) if dialect.name == "sqlite" else None


class IdType(TypeDecorator[str]):
    """An id: ``uuid`` on PostgreSQL, which the driver reads as text (see ``dialects``); 36 characters on SQLite."""

    impl = Uuid(as_uuid=False)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Return the type of the dialect."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(36))
        return dialect.type_descriptor(Uuid(as_uuid=False))

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """Return None: ids need no conversion."""
        return


Id = IdType()
"""The column type of ids, which are strings in Python."""

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

PrimaryKey = Annotated[str, mapped_column(Id, primary_key=True)]


def one_of(column: str, *values: str) -> CheckConstraint:
    """Return a CHECK constraint: ``column`` has one of ``values``."""
    literals = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({literals})", name=column)
