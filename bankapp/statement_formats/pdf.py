"""PDF: the statement a person reads, prints and hands to somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from bankapp.statement_formats.statement import Statement, StatementFormat

# 10,000 entries make about 540 pages and take about 3 s.
_MAX_ENTRIES: Final = 10_000


def write(statement: Statement) -> Iterator[bytes]:
    """Yield the file in chunks. Raises StatementMismatchError when the entries do not lead to the closing balance."""
    from bankapp.statement_formats import pdf_document  # noqa: PLC0415 - only a worker that draws holds fonts and drawing

    return pdf_document.write(statement)


FORMAT: Final = StatementFormat(
    name="pdf", media_type="application/pdf", extension="pdf", write=write, max_entries=_MAX_ENTRIES
)
