"""The layout of the pages of the PDF statement. Lengths are in points."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date
from typing import Final

from reportlab.lib.pagesizes import A4

from bankapp.money import display
from bankapp.statement_formats.pdf_pen import ACCENT, BRAND, INK, MUTED, PANEL, Pen, shown, width, wrapped
from bankapp.statement_formats.statement import Statement

_WIDTH, _HEIGHT = A4
_LEFT: Final = 48.0
_RIGHT: Final = _WIDTH - 48.0
_DETAILS: Final = _LEFT + 68
_AMOUNT_RIGHT: Final = _RIGHT - 104
_DETAILS_ROOM: Final = _AMOUNT_RIGHT - 100 - _DETAILS

# The top of the rows on the first page and on the next pages, and their lowest end.
FIRST_TOP: Final = _HEIGHT - 310
NEXT_TOP: Final = _HEIGHT - 118
BOTTOM: Final = 66.0

_SIZE: Final = 8.5
_NOTE_SIZE: Final = 7.0
_LINE: Final = 11.0
_PAD: Final = 5.0

# Not strftime, whose month names depend on the server's locale.
_MONTHS: Final = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()


def day(on: date) -> str:
    """Format a date: ``14 Mar 2026``."""
    return f"{on.day} {_MONTHS[on.month - 1]} {on.year}"


def grouped(number: str) -> str:
    """Format an IBAN in groups of four (ISO 13616, print format)."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))


def figure(amount: int, currency: str) -> str:
    """Format minor units with thousands separators and without the currency: ``-1,234.56``."""
    return display(amount, currency).removesuffix(f" {currency}")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. ``notes`` are the small lines under its lines. Balances are ``strong`` rows."""

    day: str
    lines: tuple[str, ...]
    notes: tuple[str, ...]
    amount: str
    balance: str
    strong: bool = False

    @property
    def height(self) -> float:
        """The height of the row on the page."""
        return 2 * _PAD + _LINE * (len(self.lines) + len(self.notes))


def details(text: str) -> tuple[str, ...]:
    """Break a description into the lines of its column."""
    return wrapped(shown(text), _SIZE, _DETAILS_ROOM)


def notes(text: str) -> tuple[str, ...]:
    """Break the small text under a description into the lines of its column; an empty text has none."""
    return wrapped(shown(text), _NOTE_SIZE, _DETAILS_ROOM) if text else ()


def _labelled(pen: Pen, x: float, y: float, name: str, value: str, *, size: float = 9.0) -> None:
    pen.text(x, y, name, 7, colour=MUTED)
    pen.text(x, y - 12, value, size)


def _first_head(pen: Pen, statement: Statement) -> None:
    account = statement.account
    top = _HEIGHT - 48
    pen.mark(_LEFT, top - 34, 34)
    pen.text(_LEFT + 44, top - 22, shown(account.bank_name), 17, colour=BRAND, bold=True)
    title = "Account statement" if statement.number is None else f"Account statement no. {statement.number}"
    pen.text(_RIGHT, top - 17, title, 15, right=True, bold=True)
    period = f"{day(statement.from_date)} – {day(statement.to_date)}"
    pen.text(_RIGHT, top - 32, period, 9, colour=MUTED, right=True)
    pen.rule(_LEFT, _RIGHT, top - 46, colour=BRAND, thick=1.2)

    y = top - 68
    pen.text(_LEFT, y, "Account holder", 7, colour=MUTED)
    for line in wrapped(shown(account.holder_name), 11, 225)[:4]:
        pen.text(_LEFT, y - 14, line, 11, bold=True)
        y -= 15
    y, middle, right = top - 68, _LEFT + 250, _LEFT + 400
    _labelled(pen, middle, y, "IBAN", grouped(account.number), size=9.5)
    _labelled(pen, middle, y - 30, "BIC", account.bic)
    _labelled(pen, right, y - 30, "Account", f"{account.type.capitalize()}, {account.currency}")
    generated = statement.generated_at.astimezone(UTC)
    _labelled(pen, middle, y - 60, "Created", f"{day(generated.date())}, {generated:%H:%M} UTC")
    _labelled(pen, right, y - 60, "Transactions", f"{statement.entry_count:,}")
    _summary(pen, statement, top - 212)


def _summary(pen: Pen, statement: Statement, y: float) -> None:
    currency = statement.account.currency
    cells = (
        ("Opening balance", display(statement.opening_balance, currency)),
        ("Money in", display(statement.total_credits, currency)),
        ("Money out", display(-statement.total_debits, currency)),
        ("Closing balance", display(statement.closing_balance, currency)),
    )
    wide = (_RIGHT - _LEFT) / len(cells)
    pen.panel(_LEFT, y, _RIGHT - _LEFT, 52, PANEL)
    # One size for all four, small enough for the longest figure.
    room = wide - 16
    size = next((s for s in (11.0, 10.0, 9.0, 8.0) if all(width(v, s) <= room for _, v in cells)), 7.0)
    for index, (name, value) in enumerate(cells):
        x = _LEFT + 12 + index * wide
        closing = index == len(cells) - 1
        pen.text(x, y + 34, name, 7.5, colour=MUTED)
        pen.text(x, y + 15, value, size, colour=BRAND if closing else INK, bold=True)
    pen.panel(_LEFT, y, 3, 52, ACCENT, radius=1.5)


def _next_head(pen: Pen, statement: Statement) -> None:
    account = statement.account
    top = _HEIGHT - 48
    pen.mark(_LEFT, top - 18, 18)
    pen.text(_LEFT + 26, top - 13, shown(account.bank_name), 11, colour=BRAND, bold=True)
    period = f"{day(statement.from_date)} – {day(statement.to_date)}"
    pen.text(_RIGHT, top - 8, grouped(account.number), 8.5, right=True)
    pen.text(_RIGHT, top - 20, period, 7.5, colour=MUTED, right=True)
    pen.rule(_LEFT, _RIGHT, top - 28, colour=BRAND, thick=1.2)


def _table_head(pen: Pen, top: float, currency: str) -> None:
    y = top + 9
    pen.text(_LEFT, y, "Date", 7.5, colour=MUTED, bold=True)
    pen.text(_DETAILS, y, "Description", 7.5, colour=MUTED, bold=True)
    pen.text(_AMOUNT_RIGHT, y, f"Amount ({currency})", 7.5, colour=MUTED, right=True, bold=True)
    pen.text(_RIGHT, y, f"Balance ({currency})", 7.5, colour=MUTED, right=True, bold=True)
    pen.rule(_LEFT, _RIGHT, top + 2, colour=MUTED, thick=0.7)


def _draw_row(pen: Pen, row: Row, top: float) -> None:
    y = top - _PAD - _SIZE
    pen.text(_LEFT, y, row.day, _SIZE, bold=row.strong)
    for number, line in enumerate(row.lines):
        pen.text(_DETAILS, y - number * _LINE, line, _SIZE, bold=row.strong)
    for number, note in enumerate(row.notes, start=len(row.lines)):
        pen.text(_DETAILS, y - number * _LINE, note, _NOTE_SIZE, colour=MUTED)
    if row.amount:
        pen.text(_AMOUNT_RIGHT, y, row.amount, _SIZE, right=True)
    if row.balance:
        pen.text(_RIGHT, y, row.balance, _SIZE, right=True, bold=row.strong)
    pen.rule(_LEFT, _RIGHT, top - row.height)


def draw_page(pen: Pen, statement: Statement, rows: list[Row], number: int, pages: int) -> None:
    """Draw page ``number`` of ``pages`` with its rows."""
    first = number == 1
    (_first_head if first else _next_head)(pen, statement)
    top = FIRST_TOP if first else NEXT_TOP
    _table_head(pen, top, statement.account.currency)
    for row in rows:
        _draw_row(pen, row, top)
        top -= row.height
    pen.rule(_LEFT, _RIGHT, 48)
    note = f"{shown(statement.account.bank_name)} · {statement.account.bic} · Dates and times are in UTC."
    pen.text(_LEFT, 36, note, 7, colour=MUTED)
    pen.text(_RIGHT, 36, f"Page {number} of {pages}", 7, colour=MUTED, right=True)
