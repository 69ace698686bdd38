"""Builds the PDF document of a statement: A4, with embedded fonts.

The same statement always gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC
from types import SimpleNamespace
from typing import Final

from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from bankapp.statement_formats.pdf_page import (
    BOTTOM,
    FIRST_TOP,
    NEXT_TOP,
    Row,
    day,
    details,
    draw_page,
    figure,
    grouped,
    notes,
)
from bankapp.statement_formats.pdf_pen import FONT, Pen, font, shown
from bankapp.statement_formats.statement import Entry, Statement
from bankapp.statement_formats.text import label, one_line, party_name

_CHUNK_BYTES: Final = 64 * 1024


def _entry_row(entry: Entry, currency: str) -> Row:
    kind = shown(label(entry))
    # The kind says it for cash: "Deposit".
    name = "" if entry.type in ("deposit", "withdrawal") else party_name(entry)
    texts = [text for text in dict.fromkeys((name, one_line(entry.description or ""))) if text] or [kind]
    number = entry.counterparty and entry.counterparty.account_number
    facts = ("" if texts == [kind] else kind, grouped(number or ""), entry.reference or "")
    return Row(
        day=day(entry.created_at.astimezone(UTC).date()),
        lines=tuple(line for text in texts for line in details(text)),
        notes=notes(" · ".join(filter(None, facts))),
        amount=figure(entry.signed_amount, currency),
        balance=figure(entry.balance_after, currency),
    )


def _rows(statement: Statement) -> list[Row]:
    currency = statement.account.currency
    opening, closing = (figure(b, currency) for b in (statement.opening_balance, statement.closing_balance))
    entries = [_entry_row(entry, currency) for entry in statement.checked_entries()]
    if not entries:
        entries = [Row("", ("No transactions in this period.",), (), "", "")]
    first = Row(day(statement.from_date), ("Opening balance",), (), "", opening, strong=True)
    last = Row(day(statement.as_of.date()), ("Closing balance",), (), "", closing, strong=True)
    return [first, *entries, last]


def _paginated(rows: list[Row]) -> list[list[Row]]:
    """Distribute the rows over pages. Each page after the first begins with the balance brought forward."""
    pages: list[list[Row]] = [[]]
    room = FIRST_TOP - BOTTOM
    for index, row in enumerate(rows):
        # The closing balance is never alone on a page: the last entry moves to the next page with it.
        needed = row.height + (rows[-1].height if index == len(rows) - 2 else 0)
        if needed > room:
            forward = Row("", ("Balance brought forward",), (), "", rows[index - 1].balance, strong=True)
            pages.append([forward])
            room = NEXT_TOP - BOTTOM - forward.height
        pages[-1].append(row)
        room -= row.height
    return pages


def _canvas(out: io.BytesIO, statement: Statement) -> Canvas:
    font()
    account = statement.account
    # invariant=1: no random document id. It also fixes the date, which is set below.
    canvas = Canvas(out, pagesize=A4, pageCompression=1, invariant=1, lang="en", initialFontName=FONT)
    at = statement.generated_at.astimezone(UTC)
    canvas._doc._timeStamp = SimpleNamespace(
        YMDhms=(at.year, at.month, at.day, at.hour, at.minute, at.second), dhh=0, dmm=0
    )
    canvas.setTitle(f"Account statement {grouped(account.number)}, {statement.from_date} to {statement.to_date}")
    canvas.setAuthor(shown(account.bank_name))
    canvas.setSubject(f"Account {grouped(account.number)}, {account.currency}")
    canvas.setCreator(shown(account.bank_name))
    canvas.setViewerPreference("DisplayDocTitle", "true")
    return canvas


def write(statement: Statement) -> Iterator[bytes]:
    """Write the statement as a PDF document. It is in memory as a whole, so the number of entries is limited."""
    out = io.BytesIO()
    canvas = _canvas(out, statement)
    pages = _paginated(_rows(statement))
    for number, rows in enumerate(pages, start=1):
        draw_page(Pen(canvas), statement, rows, number, len(pages))
        canvas.showPage()
    canvas.save()
    out.seek(0)
    return iter(lambda: out.read(_CHUNK_BYTES), b"")
