"""The search index: the terms of each transaction. It is made from other tables and can be made again.

No table here but the progress has foreign keys: a check for each row would cost more than the row.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.types import Id, Model, PrimaryKey

Term = String(60).with_variant(String(60, collation="C"), "postgresql")
"""Compared byte by byte, so that the terms with one beginning are one range of the index."""


class SearchTerm(Model):
    """The transactions of an account that have a term, by their sequence."""

    __tablename__ = "search_terms"
    __table_args__ = ({"sqlite_with_rowid": False},)

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    term: Mapped[str] = mapped_column(Term, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class SearchText(Model):
    """All terms of a transaction as one text, with a ``|`` around each."""

    __tablename__ = "search_texts"
    __table_args__ = ({"sqlite_with_rowid": False},)

    account_id: Mapped[str] = mapped_column(Id, primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    terms: Mapped[str] = mapped_column(Text)


class SearchProgress(Model):
    """The transactions of an account up to ``sequence`` are in the index."""

    __tablename__ = "search_progress"

    account_id: Mapped[PrimaryKey] = mapped_column(ForeignKey("accounts.id"))
    sequence: Mapped[int] = mapped_column(BigInteger)


class SearchableAccount(NamedTuple):
    """An account, the sequence of its last transaction, and that of the last one in the index."""

    id: str
    sequence: int
    indexed: int


class SearchableTransaction(NamedTuple):
    """What the index holds of a transaction."""

    sequence: int
    description: str | None
    reference: str | None
    counterparty_name: str | None
    category: str | None
    notes: str | None
    tags: list[str] | None
