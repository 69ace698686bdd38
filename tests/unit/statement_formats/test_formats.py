"""Rules of every format: the same figures, the limits, the file names."""

from __future__ import annotations

import ast
import dataclasses
import re
import tracemalloc
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import bankapp.statement_formats
from bankapp.statement_formats import (
    FORMATS,
    Entry,
    StatementFormat,
    StatementMismatchError,
    by_media_type,
    file_name,
)
from bankapp.statement_formats.text import description
from tests.unit.statement_formats.readers import READERS, pdf_pages
from tests.unit.statement_formats.samples import descriptions, figures, make_statement

STREAMED = ("csv", "ofx", "mt940")

each_format = pytest.mark.parametrize("form", FORMATS.values(), ids=FORMATS)
each_streamed = pytest.mark.parametrize("name", STREAMED)


@each_format
@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
@pytest.mark.parametrize("count", [0, 1, 60])
def test_an_independent_reader_finds_the_same_figures(form: StatementFormat, currency: str, count: int) -> None:
    statement = make_statement(count, currency)
    assert READERS[form.name](b"".join(form.write(statement)), currency) == figures(statement)


@each_format
def test_small_amounts_keep_their_zeros(form: StatementFormat) -> None:
    statement = make_statement(1, "KWD", opening=0)
    assert READERS[form.name](b"".join(form.write(statement)), "KWD") == (0, 1, 1, 1)


@each_format
def test_the_largest_balance_is_written_whole_or_refused(form: StatementFormat) -> None:
    statement = make_statement(1, "JPY", opening=2**53 - 2)
    if form.accepts(statement):
        assert READERS[form.name](b"".join(form.write(statement)), "JPY").closing == 2**53 - 1
    else:
        with pytest.raises(ValueError, match="digits"):
            form.write(statement)


@each_format
@pytest.mark.parametrize("year", [1, 999, 2000, 9999])
def test_a_period_of_any_year_can_be_written(form: StatementFormat, year: int) -> None:
    statement = dataclasses.replace(
        make_statement(0),
        from_date=date(year, 1, 1),
        to_date=date(year, 12, 31),
        generated_at=datetime.now(UTC),
    )
    assert b"".join(form.write(statement))


@pytest.mark.parametrize("name", sorted(set(FORMATS) - {"pdf"}))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(texts=st.lists(st.none() | descriptions, min_size=1, max_size=4), holder=descriptions)
def test_no_description_changes_the_figures(name: str, texts: list[str | None], holder: str) -> None:
    statement = make_statement(4, texts=texts, holder_name=holder)
    assert READERS[name](b"".join(FORMATS[name].write(statement)), "EUR") == figures(statement)


@each_format
@pytest.mark.parametrize(
    "text",
    ["", " ", "\t\r\n", "\x01\x1f\x7f\x85\u2028", "\ufffe\uffff", "\u200b\u202e", "\u3164\u115f\u034f", "\u2067\ufe0f"],
)
def test_an_invisible_description_is_replaced_by_the_kind(form: StatementFormat, text: str) -> None:
    statement = make_statement(4, texts=[text])
    assert READERS[form.name](b"".join(form.write(statement)), "EUR") == figures(statement)


@pytest.mark.parametrize("text", ["\u200b\u202e", "\u3164", "\ufe0f\u2069"])
def test_no_format_shows_an_invisible_description(text: str) -> None:
    (entry,) = make_statement(1, texts=[text]).entries
    assert description(entry) == "Deposit"


@each_format
@given(
    st.text(
        st.sampled_from("a1 \u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u206a\u206f\ufeff\ufff9\ufffb"),
        min_size=1,
    )
)
@settings(max_examples=20, deadline=None)
def test_no_character_that_reorders_or_hides_text_is_written(form: StatementFormat, text: str) -> None:
    data = b"".join(
        form.write(make_statement(2, texts=[text], holder_name=f"Ada {text} Lovelace", bank_name=f"b{text}"))
    )
    shown = "\n".join(pdf_pages(data)) if form.name == "pdf" else data.decode()
    assert not re.search("[\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]", shown)


@each_format
def test_the_same_statement_gives_the_same_bytes(form: StatementFormat) -> None:
    first, second = (b"".join(form.write(make_statement(30))) for _ in range(2))
    assert first == second


@each_format
def test_entries_that_do_not_continue_the_balance_are_refused(form: StatementFormat) -> None:
    statement = make_statement(4)
    entries = list(statement.entries)
    for wrong in (entries[:-1], entries[1:], entries[::-1], [*entries, entries[-1]]):
        with pytest.raises(StatementMismatchError):
            list(form.write(dataclasses.replace(statement, entries=wrong)))


def test_totals_that_do_not_add_up_are_refused() -> None:
    statement = make_statement(4)
    with pytest.raises(StatementMismatchError):
        dataclasses.replace(statement, total_debits=statement.total_debits + 1)


@each_streamed
def test_the_first_bytes_come_long_before_the_last_entry(name: str) -> None:
    statement = make_statement(5_000)
    consumed: list[int] = []

    def watched(entries: list[Entry]) -> object:
        for entry in entries:
            consumed.append(entry.sequence)
            yield entry

    chunks = FORMATS[name].write(dataclasses.replace(statement, entries=watched(list(statement.entries))))
    assert not consumed
    next(chunks)
    assert 0 < len(consumed) < 1_000


@pytest.mark.slow
@each_streamed
def test_a_hundred_thousand_entries_use_bounded_memory(name: str) -> None:
    statement = make_statement(100_000)
    tracemalloc.start()
    try:
        size = sum(len(chunk) for chunk in FORMATS[name].write(statement))
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 5_000_000
    assert peak_bytes < 2_000_000


def test_formats_that_cannot_stream_have_a_limit() -> None:
    for form in FORMATS.values():
        assert (form.max_entries is None) == (form.name in STREAMED)
        if form.max_entries is not None:
            few = make_statement(0)
            assert form.accepts(few)
            assert not form.accepts(dataclasses.replace(few, entry_count=form.max_entries + 1))


def test_formats_are_found_by_name_and_by_media_type() -> None:
    assert list(FORMATS) == ["csv", "pdf", "ofx", "camt053", "mt940"]
    for form in FORMATS.values():
        assert by_media_type(form.media_type) is form
    assert by_media_type("Text/CSV; charset=utf-8") is FORMATS["csv"]
    assert by_media_type("application/json") is None


def test_a_file_is_named_by_account_and_period() -> None:
    name = file_name(make_statement(0), FORMATS["camt053"])
    assert name == "statement_DE89370400440532013000_2026-03-01_2026-03-31.xml"
    numbered = file_name(dataclasses.replace(make_statement(0), number=3), FORMATS["csv"])
    assert numbered == "statement_DE89370400440532013000_3_2026-03-01_2026-03-31.csv"


def test_the_writers_import_only_money_from_bankapp() -> None:
    package = Path(bankapp.statement_formats.__file__).parent
    for module in package.glob("*.py"):
        for node in ast.walk(ast.parse(module.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.partition(".")[0] not in ("flask", "sqlalchemy")
                if name.startswith("bankapp"):
                    assert name.startswith(("bankapp.money", "bankapp.statement_formats"))
