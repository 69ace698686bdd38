"""PDF, the format for reading and printing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bankapp.statement_formats.statement import Statement, StatementFormat

# 10,000 entries make about 540 pages and take about 3 s.
_MAX_ENTRIES: Final = 10_000


def write(statement: Statement) -> Iterator[bytes]:
    """Yield the file in chunks. Raises StatementMismatchError if the entries do not add up to the closing balance."""
    from bankapp.statement_formats import pdf_document  # noqa: PLC0415 - only workers that write this format load fonts and reportlab

    return pdf_document.write(statement)


FORMAT: Final = StatementFormat(
    name="pdf", media_type="application/pdf", extension="pdf", write=write, max_entries=_MAX_ENTRIES
)
