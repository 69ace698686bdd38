"""Which older releases may run on the tables."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Model


class SchemaSupport(Model):
    """The one row names the last migration of the oldest release that may run on these tables.

    The first migration of a release sets it to the last one of the release before.
    """

    __tablename__ = "schema_support"

    oldest_revision: Mapped[str] = mapped_column(String(4), primary_key=True)
