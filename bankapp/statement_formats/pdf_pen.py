"""Drawing for the PDF statement: fonts, colours, text in columns, and the bank's logo.

Lengths are in points (1/72 inch), measured from the lower left corner of the page.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib.resources import files
from typing import Final

from reportlab.lib.colors import HexColor
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from bankapp.statement_formats.text import one_line

FONT: Final = "NotoSans"

INK: Final = HexColor("#1b2733")
MUTED: Final = HexColor("#5d6b7a")
BRAND: Final = HexColor("#0b4f6c")
ACCENT: Final = HexColor("#3fa796")
RULE: Final = HexColor("#d9e0e6")
PANEL: Final = HexColor("#f2f6f8")
WHITE: Final = HexColor("#ffffff")

_REPLACEMENT: Final = "\ufffd"


@cache
def font() -> TTFont:
    """Register Noto Sans (Latin, Greek, Cyrillic; SIL Open Font License) once, and return it."""
    face = TTFont(FONT, str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf"))
    pdfmetrics.registerFont(face)
    return face


def shown(text: str) -> str:
    """Return ``text`` with a replacement character for each character that the font has no glyph for."""
    glyphs = font().face.charToGlyph
    line = unicodedata.normalize("NFC", one_line(text))
    return "".join(char if ord(char) in glyphs else _REPLACEMENT for char in line)


def width(text: str, size: float) -> float:
    """Return the width of ``text`` at ``size`` points."""
    return float(pdfmetrics.stringWidth(text, FONT, size))


def _broken(word: str, size: float, room: float) -> list[str]:
    """Break a word that is wider than the column at the end of the column."""
    parts = [""]
    for char in word:
        if parts[-1] and width(parts[-1] + char, size) > room:
            parts.append("")
        parts[-1] += char
    return parts


def wrapped(text: str, size: float, room: float) -> tuple[str, ...]:
    """Break ``text`` into lines that are at most ``room`` points wide."""
    if width(text, size) <= room:
        return (text,)
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}" if line else word
        if width(longer, size) <= room:
            line = longer
            continue
        if line:
            lines.append(line)
        *full, line = _broken(word, size, room)
        lines.extend(full)
    return (*lines, line)


class Pen:
    """Draws the texts, lines and boxes of the statement on a canvas."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas

    def text(
        self,
        x: float,
        y: float,
        text: str,
        size: float,
        *,
        colour: HexColor = INK,
        right: bool = False,
        bold: bool = False,
    ) -> None:
        """Draw one line of text. ``x`` is its left edge, or its right edge if ``right``."""
        canvas = self.canvas
        canvas.setFont(FONT, size)
        canvas.setFillColor(colour)
        # The font package has one variable font, and PDF shows only its regular weight. Bold text is the
        # same glyphs with a thin outline of the same colour (text rendering mode 2).
        mode = 2 if bold else 0
        if bold:
            canvas.setStrokeColor(colour)
            canvas.setLineWidth(size * 0.03)
        put = canvas.drawRightString if right else canvas.drawString
        put(x, y, text, mode=mode)

    def rule(self, left: float, right: float, y: float, *, colour: HexColor = RULE, thick: float = 0.5) -> None:
        """Draw a horizontal line."""
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(thick)
        self.canvas.line(left, y, right, y)

    def panel(self, x: float, y: float, w: float, h: float, colour: HexColor, *, radius: float = 4) -> None:
        """Fill a box with rounded corners."""
        self.canvas.setFillColor(colour)
        self.canvas.roundRect(x, y, w, h, radius, stroke=0, fill=1)

    def mark(self, x: float, y: float, side: float) -> None:
        """Draw the bank's logo: a gable on columns that rise like a chart."""
        canvas = self.canvas
        self.panel(x, y, side, side, BRAND, radius=side * 0.22)
        unit = side / 20
        canvas.setFillColor(WHITE)
        roof = canvas.beginPath()
        roof.moveTo(x + 3.6 * unit, y + 12.6 * unit)
        roof.lineTo(x + 10 * unit, y + 16.6 * unit)
        roof.lineTo(x + 16.4 * unit, y + 12.6 * unit)
        roof.close()
        canvas.drawPath(roof, stroke=0, fill=1)
        canvas.rect(x + 4.2 * unit, y + 3.4 * unit, 11.6 * unit, 1.3 * unit, stroke=0, fill=1)
        for column, height in enumerate((3.4, 4.8, 6.2)):
            canvas.setFillColor(ACCENT if column == 2 else WHITE)
            canvas.rect(x + (5.2 + 3.8 * column) * unit, y + 5.5 * unit, 2 * unit, height * unit, stroke=0, fill=1)
