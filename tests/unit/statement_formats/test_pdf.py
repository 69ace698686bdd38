from __future__ import annotations

import io
from itertools import pairwise

import pypdf
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bankapp.statement_formats import FORMATS
from bankapp.statement_formats.pdf_pen import shown, width, wrapped
from tests.unit.statement_formats.readers import pdf_pages
from tests.unit.statement_formats.samples import HOLDER, descriptions, make_statement


def written(count: int = 3, **more: object) -> bytes:
    return b"".join(FORMATS["pdf"].write(make_statement(count, **more)))


def test_the_page_names_the_holder_and_the_account() -> None:
    (page,) = pdf_pages(written(type="savings"))
    for words in (
        "bankapp",
        HOLDER,
        "DE89 3704 0044 0532 0130 00",
        "1 Mar 2026 – 31 Mar 2026",
        "Savings, EUR",
    ):
        assert words in page


def test_debits_have_a_minus_sign() -> None:
    (page,) = pdf_pages(written(4))
    assert "\n-9.99\n" in page
    assert "\n-9.99 EUR\n" in page


def test_every_page_has_its_number_and_the_head_of_the_table() -> None:
    pages = pdf_pages(written(100))
    assert len(pages) > 3
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
        assert "Date\nDescription\nAmount (EUR)\nBalance (EUR)" in page
        assert ("Balance brought forward" in page) == (number > 1)


def test_the_balance_brought_forward_is_the_last_of_the_page_before() -> None:
    pages = pdf_pages(written(100))
    for before, after in pairwise(pages):
        last = before.split("\nbankapp · ")[0].split("\n")[-1]
        assert f"Balance brought forward\n{last}\n" in after


@pytest.mark.parametrize("count", range(10, 40))
def test_the_closing_balance_is_never_alone_on_a_page(count: int) -> None:
    last = pdf_pages(written(count))[-1]
    assert "Closing balance" in last
    assert last.count(" Mar 2026\n") > 2


def test_fonts_are_embedded_and_the_document_has_metadata() -> None:
    reader = pypdf.PdfReader(io.BytesIO(written(100)))
    fonts = {
        name: font["/FontDescriptor"] for page in reader.pages for name, font in page["/Resources"]["/Font"].items()
    }
    assert fonts
    assert all("/FontFile2" in descriptor for descriptor in fonts.values())
    assert reader.metadata.author == "bankapp"
    assert reader.metadata.title == ("Account statement DE89 3704 0044 0532 0130 00, 2026-03-01 to 2026-03-31")
    assert reader.metadata.creation_date.isoformat() == "2026-04-02T09:30:00+00:00"
    assert reader.trailer["/Root"]["/Lang"] == "en"


def test_a_period_without_entries_says_so() -> None:
    assert "No transactions in this period." in pdf_pages(written(0))[0]


def test_a_letter_that_the_font_lacks_is_shown_as_missing() -> None:
    assert shown("日本 coffee Кофе") == "\ufffd\ufffd coffee Кофе"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(st.none() | descriptions, min_size=1, max_size=4), holder=descriptions)
def test_any_description_can_be_written(texts: list[str | None], holder: str) -> None:
    pages = pdf_pages(written(4, texts=texts, holder_name=holder))
    assert "Closing balance\n1,462.17\n" in pages[-1]


@given(text=descriptions.map(shown), room=st.integers(20, 300))
def test_no_line_is_wider_than_its_column(text: str, room: int) -> None:
    lines = wrapped(text, 8.5, room)
    assert all(width(line, 8.5) <= room or len(line) == 1 for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())
