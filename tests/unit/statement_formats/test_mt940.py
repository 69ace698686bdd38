from __future__ import annotations

import dataclasses
import re

import pytest
from hypothesis import example, given

from bankapp.statement_formats import FORMATS
from bankapp.statement_formats.swift_text import swift_lines, swift_x
from tests.unit.statement_formats.readers import mt940_statement
from tests.unit.statement_formats.samples import IBAN, descriptions, make_statement

X_LINE = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]{1,65}")


def written(*texts: str | None, currency: str = "EUR") -> str:
    return b"".join(FORMATS["mt940"].write(make_statement(len(texts), currency, texts))).decode("ascii")


def test_the_fields_are_those_of_the_standard() -> None:
    assert written("Rent", "Miete für Straße 5", currency="JPY").split("\r\n") == [
        ":20:2603310532013000",
        f":25:{IBAN}",
        ":28C:090",
        ":60F:C260301JPY123456,",
        ":61:2603010301C1,NMSCNONREF//8000000000000000",
        ":86:Rent",
        ":61:2603160316C7920,NTRFNONREF//8000000000000001",
        ":86:Miete fur Strasse 5",
        ":62F:C260331JPY131377,",
        "-",
        "",
    ]


def test_references_are_told_apart() -> None:
    entries = mt940_statement(written(*["Rent"] * 40).encode())
    assert len({entry.data["bank_reference"] for entry in entries}) == 40


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Grüße aus Łódź", "Grusse aus Lodz"),
        ("Straße, Ærø, œuvre", "Strasse, Aeroe, oeuvre"),
        ("Ελληνικά", "Ellinika"),
        ("Щука и Ёж", "Shchuka i Ezh"),
        ("“quote” – it’s 5 €", "'quote' - it's 5 EUR"),
        ("日本", ".."),
        ("zero\u200bwidth", "zerowidth"),
    ],
)
def test_letters_are_transliterated(text: str, wanted: str) -> None:
    assert swift_x(text) == wanted


@given(descriptions)
def test_a_text_never_leaves_its_lines(text: str) -> None:
    lines = swift_lines(text, 6, 65)
    assert len(lines) <= 6
    for line in lines:
        assert X_LINE.fullmatch(line)
        assert line[0] not in ":-"


@given(descriptions)
@example("\u0301")
@example("\u200b")
def test_a_text_never_makes_a_field(text: str) -> None:
    tags = re.findall(r"^:(\w+):", written(text, text), re.MULTILINE)
    assert tags == ["20", "25", "28C", "60F", "61", "86", "61", "86", "62F"]


@pytest.mark.parametrize("text", [":61:2603010301C1,NMSC", "-", "-}", "a\r\n:62F:C260331EUR0,00", ": - :" * 28])
def test_a_text_that_looks_like_a_field_stays_text(text: str) -> None:
    statement = mt940_statement(written(text, "Rent").encode())
    assert len(statement) == 2
    assert statement.data["final_closing_balance"].amount.amount > 1000


def test_a_balance_of_fifteen_digits_is_refused_before_anything_is_written() -> None:
    form = FORMATS["mt940"]
    most = make_statement(0, opening=10**14 - 1)
    assert form.accepts(most)
    assert b":62F:C260331EUR999999999999,99\r\n" in b"".join(form.write(most))
    more = dataclasses.replace(most, opening_balance=10**14, closing_balance=10**14)
    assert not form.accepts(more)
    with pytest.raises(ValueError, match="14 digits"):
        form.write(more)
