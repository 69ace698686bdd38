"""Writes statements as files: CSV, PDF, OFX, camt.053 and MT940, all from one :class:`Statement`.

The package does not import the web or the database; from bankapp it imports only ``money``.
"""

from __future__ import annotations

from typing import Final

from bankapp.statement_formats import camt053, csv, mt940, ofx, pdf
from bankapp.statement_formats.statement import (
    BIC,
    Counterparty,
    Entry,
    Statement,
    StatementAccount,
    StatementFormat,
    StatementMismatchError,
)

__all__ = [
    "BIC",
    "FORMATS",
    "Counterparty",
    "Entry",
    "Statement",
    "StatementAccount",
    "StatementFormat",
    "StatementMismatchError",
    "by_media_type",
    "file_name",
]

FORMATS: Final[dict[str, StatementFormat]] = {
    module.FORMAT.name: module.FORMAT for module in (csv, pdf, ofx, camt053, mt940)
}
"""Every file format by its name. JSON is written by the API itself."""

_BY_MEDIA_TYPE: Final = {form.media_type: form for form in FORMATS.values()}


def by_media_type(media_type: str) -> StatementFormat | None:
    """Return the format of a media type such as ``text/csv``. Parameters after a semicolon are ignored."""
    return _BY_MEDIA_TYPE.get(media_type.partition(";")[0].strip().lower())


def file_name(statement: Statement, form: StatementFormat) -> str:
    """Return the name of a statement's file: ``statement_<IBAN>_<from>_<to>.<extension>``.

    The statement's number, where it has one, stands after the IBAN.
    """
    account = statement.account.number if statement.number is None else f"{statement.account.number}_{statement.number}"
    return f"statement_{account}_{statement.from_date.isoformat()}_{statement.to_date.isoformat()}.{form.extension}"
