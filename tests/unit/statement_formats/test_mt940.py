from __future__ import annotations

import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import mt940
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bankapp.statement_formats import FORMATS, Counterparty
from bankapp.statement_formats.mt940_details import Details, detail_lines
from bankapp.statement_formats.swift_text import free_text, swift_x
from bankapp.statement_formats.text import one_line
from tests.unit.statement_formats.hostile import FORGED_SENDER, MT940_ATTACKS, hostile
from tests.unit.statement_formats.programs import aqbanking
from tests.unit.statement_formats.readers import mt940_statement
from tests.unit.statement_formats.samples import IBAN, descriptions, make_statement

X_LINE = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]{1,65}")

# Patterns that bank software reads as structure in field 86: DK subfields, SEPA codewords, codewords between slashes,
# codewords before a colon, subfields after other signs, and field tags.
STRUCTURE = re.compile(r"\?\d\d|[A-Za-z]{3,4} ?\+|/\w{2,5}/|//|\w{3,12}:|[+^~<>]\d\d|:\w{2,3}:|[{}@]|\?\?")

UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

# 250 files of 20 entries.
FILES, ENTRIES = 250, 20


def written(*texts: str | None, currency: str = "EUR") -> str:
    return b"".join(FORMATS["mt940"].write(make_statement(len(texts), currency, texts))).decode("ascii")


def test_the_fields_are_those_of_the_standard() -> None:
    assert written("Rent", "Miete für Straße 5", currency="JPY").split("\r\n") == [
        ":20:2603310532013000",
        f":25:{IBAN}",
        ":28C:0",
        ":60F:C260301JPY123456,",
        ":61:2603010301C1,NMSCNONREF//8000000000000000",
        ":86:082?00Deposit?20SVWZ+Rent",
        ":61:2603160316C7920,NTRFNONREF//8000000000000001",
        ":86:166?00Transfer received?20EREF+NOTPROVIDED?21SVWZ+Miete fur Stras",
        "se 5",
        ":62F:C260331JPY131377,",
        "-",
        "",
    ]


def test_a_numbered_statement_bears_its_number() -> None:
    written_fields = b"".join(FORMATS["mt940"].write(dataclasses.replace(make_statement(1), number=12)))
    assert b"\r\n:28C:12\r\n" in written_fields
    assert mt940_statement(written_fields).data["statement_number"] == "12"


def test_references_are_unique() -> None:
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


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (FORGED_SENDER, "166.00GUTSCHRIFT.20Invoice 4711.30DEUTDEFF.31DE89370400440532013000.32Trusted AG"),
        ("Invoice: 4711, 12/03/2026, 1+1?", "Invoice. 4711, 12-03-2026, 1.1."),
        ("two  spaces\tand a tab", "two spaces and a tab"),
        ("my BIC", "my BIC."),
        ("BIC", "BIC"),
    ],
)
def test_free_text_has_no_sign_that_structures_field_86(text: str, wanted: str) -> None:
    assert free_text(one_line(text)) == wanted


@given(hostile)
def test_free_text_is_idempotent(text: str) -> None:
    once = free_text(text)
    assert free_text(once) == once
    assert not set("?+:/") & set(once)


def field_86(*texts: str | None) -> list[list[str]]:
    """The lines of each field 86 in the file of a statement with these descriptions."""
    return [field.split("\r\n:")[0].split("\r\n") for field in written(*texts).split("\r\n:86:")[1:]]


def wanted_purposes(texts: list[str]) -> list[str]:
    labels = [entry.data["posting_text"] for entry in mt940_statement(written(*[None] * len(texts)).encode())]
    return [free_text(one_line(text)) or label for text, label in zip(texts, labels, strict=True)]


def assert_purpose(read: str, wanted: str) -> None:
    # Transliteration lengthens some texts. The end that does not fit is cut off.
    assert read == wanted if len(wanted) <= 140 else (wanted.startswith(read) and len(read) >= 140)


@settings(max_examples=FILES, deadline=None, suppress_health_check=UNHURRIED)
@given(st.lists(hostile, min_size=ENTRIES, max_size=ENTRIES))
@example(MT940_ATTACKS)
def test_a_description_is_read_only_as_a_description(texts: list[str]) -> None:
    data, plain = written(*texts), written(*["Rent"] * len(texts))
    for options in (mt940.Options(), mt940.Options.all()):
        read, harmless = (mt940.parse(io.BytesIO(d.encode()), encoding="ascii", options=options) for d in (data, plain))
        assert str(read.data) == str(harmless.data)
        assert len(read) == len(texts)
        for entry, other, wanted in zip(read, harmless, wanted_purposes(texts), strict=True):
            assert_purpose(entry.data["purpose"], wanted)
            assert str(other.data | {"purpose": entry.data["purpose"]}) == str(entry.data)


@settings(deadline=None)
@given(st.lists(hostile, min_size=1, max_size=20))
@example(MT940_ATTACKS)
def test_a_description_adds_no_structure_to_field_86(texts: list[str]) -> None:
    for lines, plain in zip(field_86(*texts), field_86(*["Rent"] * len(texts)), strict=True):
        assert len(lines) <= 6
        for line in lines:
            assert X_LINE.fullmatch(line)
            assert line[0] not in " -:"
            assert line[-1] != " "
        own, found = (STRUCTURE.findall("".join(each)) for each in (plain, lines))
        # A longer text continues in the next subfields of the purpose.
        more = [f"?{tag}" for tag in range(20 + len(re.findall(r"\?2\d", "".join(plain))), 30)]
        assert found[: len(own)] == own
        assert found[len(own) :] == more[: len(found) - len(own)]
        subfields = re.split(r"\?\d\d", "".join(lines))
        assert all(len(subfield) <= 27 and not subfield.endswith(" ") for subfield in subfields)


@settings(max_examples=10, deadline=None, suppress_health_check=UNHURRIED)
@given(texts=st.lists(hostile, min_size=50, max_size=50))
@example(MT940_ATTACKS)
@pytest.mark.parametrize("profile", ["fints940", "SWIFT-MT940"])
def test_aqbanking_reads_a_description_only_as_a_description(tmp_path: Path, profile: str, texts: list[str]) -> None:
    _, read = aqbanking(written(*texts).encode(), "swift", profile, tmp_path)
    _, plain = aqbanking(written(*["Rent"] * len(texts)).encode(), "swift", profile, tmp_path)
    assert len(read) == len(texts)
    for entry, other, wanted in zip(read, plain, wanted_purposes(texts), strict=True):
        assert_purpose(entry["purpose"], wanted)
        assert other | {"purpose": entry["purpose"]} == entry


def details(purpose: str = "Rent", **more: Any) -> dict[str, Any]:
    """Return the details that mt-940 reads from a field 86."""
    lines = detail_lines(Details(code="166", booking_text="Transfer received", purpose=purpose, **more))
    assert len(lines) <= 6
    assert all(len(line) <= 65 for line in lines)
    before = ":20:X\r\n:60F:C260301EUR1,\r\n:61:2603010301C1,NTRFNONREF\r\n:86:"
    source = io.BytesIO((before + "\r\n".join(lines)).encode())
    read = mt940.parse(source, options=mt940.Options(applicant_iban=True, merge_keeps_values=True))
    return {key: value for key, value in read[0].data.items() if value is not None}


@given(purpose=st.sampled_from(MT940_ATTACKS).map(free_text), name=hostile)
@example(purpose="Rent", name="Trusted AG")
@example(purpose="a " * 69 + "b", name="- " * 70)
def test_a_counterparty_is_read_back_beside_the_longest_text(purpose: str, name: str) -> None:
    party = Counterparty(name=name, account_number=IBAN, bic="DEUTDEFF")
    read = details(purpose or "Rent", reference="0" * 32, counterparty=party)
    assert (read["applicant_iban"], read["applicant_bin"]) == (IBAN, "DEUTDEFF")
    assert free_text(name).startswith(read.get("applicant_name", ""))
    assert read["end_to_end_reference"] == "0" * 32
    assert (purpose or "Rent").startswith(read["purpose"])
    unread = {"gvc_applicant_iban", "return_debit_notes", "recipient_name", "additional_purpose", "purpose_code"}
    assert not unread & set(read)


@given(descriptions)
@example("\u0301")
@example("\u200b")
def test_a_text_makes_no_field(text: str) -> None:
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
