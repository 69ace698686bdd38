"""Column types that differ by dialect, and the pieces every table shares."""

from __future__ import annotations

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

__all__ = ["Id", "Json", "Model", "PrimaryKey", "UtcDateTime", "one_of"]


class UtcDateTime(TypeDecorator[datetime]):
    """An aware time in UTC: ``timestamptz`` on PostgreSQL, RFC 3339 text of fixed width on SQLite.

    Text of fixed width compares like the times it stands for, so the same SQL works on both.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the dialect's own type."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write the time as the dialect stores it. Raises ValueError for a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without zone cannot be stored")
        return clock.to_text(value) if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read the time back, aware and in UTC."""
        if value is None or isinstance(value, datetime):
            return value
        return clock.from_text(value)


Id = Uuid(as_uuid=False).with_variant(String(36), "sqlite")
"""An id: native ``uuid`` on PostgreSQL, 36 characters on SQLite, a string in Python."""

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")

PrimaryKey = Annotated[str, mapped_column(Id, primary_key=True)]


def one_of(column: str, *values: str) -> CheckConstraint:
    """Return a CHECK that ``column`` holds one of ``values``."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)
