"""Counterparty, reference and end-to-end id are read back by the independent readers, and only as what they are."""

from __future__ import annotations

import dataclasses
import io
import re
from collections.abc import Sequence
from pathlib import Path

import mt940
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bankapp.statement_formats import BIC, FORMATS, Counterparty, Entry
from bankapp.statement_formats.csv import harmless
from bankapp.statement_formats.swift_text import free_text
from bankapp.statement_formats.text import one_line
from tests.unit.statement_formats.hostile import MT940_ATTACKS, hostile
from tests.unit.statement_formats.programs import aqbanking, ofxdump
from tests.unit.statement_formats.readers import (
    NS,
    camt_root,
    csv_rows,
    mt940_statement,
    odoo_statement,
    ofx_statement,
    ofxparse_statement,
    pdf_pages,
)
from tests.unit.statement_formats.samples import make_statement

NUMBER = "DE02120300000000202051"
BOB = Counterparty("Bób Brown", NUMBER, BIC)
REFERENCE, END_TO_END = "RF18 5390/0754", "E2E-2026.0117"

# What an entry has of description, counterparty, reference and end-to-end id. The first and the fourth are not
# transfers: a deposit and a withdrawal.
ENTRIES = (
    ("Salary", Counterparty("Cash"), None, None),
    ("Rent March", BOB, REFERENCE, END_TO_END),
    (None, BOB, REFERENCE, None),
    (None, Counterparty("Cash"), None, None),
)


def written(form: str, entries: Sequence[tuple[str | None, Counterparty | None, str | None, str | None]]) -> bytes:
    plain = make_statement(len(entries))
    full: list[Entry] = [
        dataclasses.replace(entry, description=text, counterparty=party, reference=reference, end_to_end_id=end_to_end)
        for entry, (text, party, reference, end_to_end) in zip(plain.entries, entries, strict=True)
    ]
    return b"".join(FORMATS[form].write(dataclasses.replace(plain, entries=full)))


def test_csv_has_a_column_for_each() -> None:
    _, *rows, _ = csv_rows(written("csv", ENTRIES))
    columns = ("counterparty_name", "counterparty_account_number", "reference", "end_to_end_id")
    assert [tuple(row[column] for column in columns) for row in rows] == [
        ("Cash", "", "", ""),
        ("Bób Brown", NUMBER, REFERENCE, END_TO_END),
        ("Bób Brown", NUMBER, REFERENCE, ""),
        ("Cash", "", "", ""),
    ]


def test_ofx_names_the_counterparty_and_keeps_the_text_in_the_memo(tmp_path: Path) -> None:
    data = written("ofx", ENTRIES)
    wanted = [
        ("Cash", "Salary"),
        ("Bób Brown", f"{REFERENCE}, Rent March"),
        ("Bób Brown", REFERENCE),
        ("Cash", "Withdrawal"),
    ]
    assert [(entry.name, entry.memo) for entry in ofx_statement(data).transactions] == wanted
    assert [(entry.payee, entry.memo) for entry in ofxparse_statement(data).transactions] == wanted
    found, complaints = ofxdump(data, tmp_path)
    assert re.findall(r"Name of payee or transaction description: (.*)$", found, re.MULTILINE) == [
        name for name, _ in wanted
    ]
    assert re.findall(r"Extra transaction information \(memo\): (.*)$", found, re.MULTILINE) == [
        memo for _, memo in wanted
    ]
    assert "ERROR" not in complaints


def test_camt053_has_parties_agents_references_and_the_end_to_end_id() -> None:
    data = written("camt053", ENTRIES)
    cash, credit, other, debit = camt_root(data).iterfind(".//c:TxDtls", NS)
    assert credit.findtext("c:RltdPties/c:Dbtr/c:Pty/c:Nm", None, NS) == "Bób Brown"
    assert credit.findtext("c:RltdPties/c:DbtrAcct/c:Id/c:IBAN", None, NS) == NUMBER
    assert credit.findtext("c:RltdAgts/c:DbtrAgt/c:FinInstnId/c:BICFI", None, NS) == BIC
    assert credit.findtext("c:RmtInf/c:Ustrd", None, NS) == "Rent March"
    assert credit.findtext("c:RmtInf/c:Strd/c:CdtrRefInf/c:Ref", None, NS) == REFERENCE
    assert [found.findtext("c:Refs/c:EndToEndId", None, NS) for found in (cash, credit, debit)] == [
        None,
        END_TO_END,
        None,
    ]
    assert cash.findtext("c:RltdPties/c:Dbtr/c:Pty/c:Nm", None, NS) == "Cash"
    assert debit.findtext("c:RltdPties/c:Cdtr/c:Pty/c:Nm", None, NS) == "Cash"
    assert cash.find("c:RltdPties/c:DbtrAcct", NS) is cash.find("c:RltdAgts", NS) is None
    # The sample's third entry is no transfer.
    assert other.find("c:Refs/c:EndToEndId", NS) is None
    _, found, *_ = odoo_statement(data)["transactions"]
    wanted = ("Rent March", REFERENCE, "Bób Brown", NUMBER)
    assert tuple(found[name] for name in ("payment_ref", "ref", "partner_name", "account_number")) == wanted


def test_a_transfer_without_an_end_to_end_id_says_so() -> None:
    entries = [ENTRIES[0], ("Rent", BOB, None, None)]
    _, transfer = camt_root(written("camt053", entries)).iterfind(".//c:TxDtls", NS)
    assert transfer.findtext("c:Refs/c:EndToEndId", None, NS) == "NOTPROVIDED"
    assert mt940_statement(written("mt940", entries))[1].data["end_to_end_reference"] == "NOTPROVIDED"


def test_mt940_has_them_in_the_subfields_of_field_86(tmp_path: Path) -> None:
    data = written("mt940", ENTRIES)
    options = mt940.Options(applicant_iban=True, merge_keeps_values=True)
    read = [entry.data for entry in mt940.parse(io.BytesIO(data), encoding="ascii", options=options)]
    # Field 86 has no slash and no colon in texts.
    reference = "RF18 5390-0754"
    assert [entry["purpose"] for entry in read] == ["Salary", f"{reference}, Rent March", reference, "Withdrawal"]
    assert [entry.get("applicant_name") for entry in read] == ["Cash", "Bob Brown", "Bob Brown", "Cash"]
    assert [entry.get("applicant_iban") for entry in read] == [None, NUMBER, NUMBER, None]
    assert [entry.get("end_to_end_reference") for entry in read] == [None, END_TO_END, None, None]
    _, found = aqbanking(data, "swift", "fints940", tmp_path)
    assert [entry.get("remoteName") for entry in found] == ["Cash", "Bob Brown", "Bob Brown", "Cash"]
    assert found[1]["remoteIban"] == NUMBER
    assert found[1]["endToEndReference"] == END_TO_END


def test_aqbanking_reads_the_end_to_end_id_of_camt053(tmp_path: Path) -> None:
    _, found = aqbanking(written("camt053", ENTRIES), "xml", "camt_053_001_04", tmp_path)
    assert found[1]["endToEndReference"] == END_TO_END


def test_the_pdf_shows_the_counterparty_above_the_text() -> None:
    (page,) = pdf_pages(written("pdf", ENTRIES))
    number = "DE02 1203 0000 0000 2020 51"
    assert "\nSalary\nDeposit\n" in page
    assert f"\nBób Brown\nRent March\nTransfer received · {number} · {REFERENCE[:8]}" in page
    assert "\nCash\n" not in page


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(hostile, min_size=5, max_size=5))
@example(MT940_ATTACKS[:5])
def test_a_name_is_read_only_as_a_name(names: list[str]) -> None:
    def entries(names: Sequence[str]) -> list[tuple[str, Counterparty, str, str]]:
        return [("Rent", Counterparty(name, NUMBER, BIC), REFERENCE, END_TO_END) for name in names]

    plain = ["Bob"] * len(names)
    for row, name in zip(csv_rows(written("csv", entries(names)))[1:-1], names, strict=True):
        assert row["counterparty_name"] == harmless(name)
    read, harmless_ones = (
        mt940.parse(io.BytesIO(written("mt940", entries(each))), encoding="ascii", options=mt940.Options.all())
        for each in (names, plain)
    )
    for found, other, name in zip(read, harmless_ones, names, strict=True):
        shown = found.data.get("applicant_name") or ""
        assert free_text(name).startswith(shown)
        assert str(other.data | {"applicant_name": None}) == str(found.data | {"applicant_name": None})
    parsed = ofx_statement(written("ofx", entries(names))).transactions
    assert len(parsed) == len(names)
    for found, name in zip(parsed, names, strict=True):
        line = one_line(name)
        assert line.startswith(found.name) if line else found.name == f"{REFERENCE}, Rent"
    for found, name in zip(odoo_statement(written("camt053", entries(names)))["transactions"], names, strict=True):
        assert (found["partner_name"] or "") == one_line(name)[:140]
        assert found["account_number"] == NUMBER
