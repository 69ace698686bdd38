from __future__ import annotations

import re

import pytest
from hypothesis import given

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
]


def written(*texts: str | None) -> str:
    return b"".join(FORMATS["csv"].write(make_statement(len(texts), texts=texts))).decode()


@pytest.mark.parametrize("text", ATTACKS)
def test_a_formula_is_made_harmless(text: str) -> None:
    cell = csv_rows(written(text).encode())[1]["description"]
    assert re.search(r"(^|;)\s*[=+\-@＝]", cell) is None  # noqa: RUF001 - the wide sign is meant
    assert "'" in cell


@pytest.mark.parametrize("start", ["\t", "\r", "\n"])
def test_a_text_after_a_tab_or_a_line_break_is_marked_too(start: str) -> None:
    assert harmless(f"{start}lunch") == "'lunch"


@given(descriptions)
def test_no_cell_starts_like_a_formula(text: str) -> None:
    line = harmless(text)
    assert not line.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert len(line.splitlines()) <= 1


@pytest.mark.parametrize("text", ["Rent March", "5 - 3", "a=b", "Grüße, Ελλάδα; 日本", '"quoted", with comma'])
def test_an_ordinary_text_is_left_alone(text: str) -> None:
    assert csv_rows(written(text).encode())[1]["description"] == text


def test_numbers_stay_numbers() -> None:
    lines = written(*["Rent"] * 4).splitlines()
    assert '"Rent",-999,' not in lines[5]
    assert '"Rent",-9.99,"EUR",' in lines[5]


def test_lines_end_as_rfc_4180_says() -> None:
    text = written("a", "b")
    assert text.count("\r\n") == text.count("\n") == 5
    assert not text.startswith("\ufeff")
