"""camt.053.001.08 (ISO 20022, BankToCustomerStatementV08), the format for accounting systems."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bankapp.statement_formats.statement import Statement, StatementFormat

# 10,000 entries take about 4 s and 120 MB.
_MAX_ENTRIES: Final = 10_000


def write(statement: Statement) -> Iterator[bytes]:
    """Yield the file in chunks. Raises StatementMismatchError if the entries do not add up to the closing balance."""
    from bankapp.statement_formats import camt053_message  # noqa: PLC0415 - only workers that write this format load the schema

    return camt053_message.write(statement)


FORMAT: Final = StatementFormat(
    name="camt053", media_type="application/xml", extension="xml", write=write, max_entries=_MAX_ENTRIES
)
