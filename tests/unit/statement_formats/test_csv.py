from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bankapp.statement_formats import FORMATS
from bankapp.statement_formats.csv import harmless
from tests.unit.statement_formats.readers import csv_rows
from tests.unit.statement_formats.samples import descriptions, make_statement

ATTACKS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1:A9)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "\x01=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://example.invalid","click")',
    "＝1+1",  # noqa: RUF001 - the wide sign is meant
    "lunch;=1+1",
    'lunch;"=1+1',
    "lunch; \u200b=1+1",
]

# Formula signs with their full-width, small, superscript and subscript variants, and the minus sign of typography.
SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫⁼⁺⁻₌₊₋−"  # noqa: RUF001 - the variants are meant

# Characters that a spreadsheet or an editor drops or does not show before the first visible character of a cell.
INVISIBLE = [
    *"\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2064\ufeff\u00ad\u034f\u061c\u115f\u1160\u17b4\u180e\u3164\uffa0\ufe0f",
    *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u206a\u206f\ufff9\U000e0001\U000e0020\U000e007f\U000e0100",
    *" \u00a0\u1680\u2000\u2002\u2009\u200a\u2028\u2029\u202f\u205f\u3000\t\r\n\v\f\x00\x01\x1f\x7f\x80\x85\x9f",
]


def written(*texts: str | None) -> str:
    return b"".join(FORMATS["csv"].write(make_statement(len(texts), texts=texts))).decode()


@pytest.mark.parametrize("text", ATTACKS)
def test_a_formula_is_made_harmless(text: str) -> None:
    cell = csv_rows(written(text).encode())[1]["description"]
    assert re.search(r"(^|;)\s*[=+\-@＝]", cell) is None  # noqa: RUF001 - the wide sign is meant
    assert "'" in cell


@pytest.mark.parametrize("sign", SIGNS, ids=ascii)
def test_a_formula_after_invisible_characters_is_made_harmless(sign: str) -> None:
    for before in ("", *INVISIBLE):
        for cell in (f"{before}{sign}1+1", f"{before * 2} {before}{sign}1+1", f"{before}'{sign}1+1"):
            assert first_visible(harmless(cell)) == "'", ascii(cell)
        assert first_visible(harmless(f"lunch;{before}{sign}1+1").partition(";")[2]) == "'", ascii(before)


@given(st.text(st.sampled_from(INVISIBLE)), st.sampled_from(SIGNS), descriptions)
def test_a_formula_after_any_invisible_text_is_made_harmless(before: str, sign: str, text: str) -> None:
    assert first_visible(csv_rows(written(before + sign + text).encode())[1]["description"]) == "'"


def first_visible(cell: str) -> str:
    """The first character of a cell that is neither a space nor invisible, by the test's own list."""
    return next(
        (char for char in cell if char not in INVISIBLE and unicodedata.category(char) not in ("Cc", "Cf", "Zs")), ""
    )


@pytest.mark.parametrize("start", ["\t", "\r", "\n"])
def test_a_text_after_a_tab_or_a_line_break_is_marked_too(start: str) -> None:
    assert harmless(f"{start}lunch") == "'lunch"


@given(descriptions)
def test_no_cell_starts_like_a_formula(text: str) -> None:
    line = harmless(text)
    assert not line.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize(
    "text",
    [
        "Rent March",
        "5 - 3",
        "\u200bRent",
        "'quoted'",
        "a;b",
        "\u05e9\u05db\u05e8 \u200f(5)",
        "a=b",
        "Grüße, Ελλάδα; 日本",
        '"quoted", with comma',
    ],
)
def test_an_ordinary_text_is_unchanged(text: str) -> None:
    assert csv_rows(written(text).encode())[1]["description"] == text


def test_numbers_stay_numbers() -> None:
    lines = written(*["Rent"] * 4).splitlines()
    assert '"Rent",-999,' not in lines[5]
    assert '"Rent",-9.99,"EUR",' in lines[5]


def test_lines_end_with_crlf() -> None:
    text = written("a", "b")
    assert text.count("\r\n") == text.count("\n") == 5
    assert not text.startswith("\ufeff")
