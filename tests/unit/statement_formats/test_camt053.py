from __future__ import annotations

from hypothesis import given, settings

from bankapp.statement_formats import FORMATS
from bankapp.statement_formats.text import one_line
from tests.unit.statement_formats.readers import NS, camt_root
from tests.unit.statement_formats.samples import HOLDER, IBAN, descriptions, make_statement


def test_account_period_and_entries_are_read_back() -> None:
    root = camt_root(b"".join(FORMATS["camt053"].write(make_statement(4))))
    assert root.findtext(".//c:Acct/c:Id/c:IBAN", None, NS) == IBAN
    assert root.findtext(".//c:Acct/c:Ownr/c:Nm", None, NS) == HOLDER
    assert root.findtext(".//c:FrToDt/c:FrDtTm", None, NS) == "2026-03-01T00:00:00Z"
    assert root.findtext(".//c:TtlCdtNtries/c:NbOfNtries", None, NS) == "3"
    assert root.findtext(".//c:TtlDbtNtries/c:Sum", None, NS) == "9.99"
    assert [code.text for code in root.iterfind(".//c:Ntry//c:SubFmlyCd", NS)] == [
        "CDPT",
        "BOOK",
        "OTHR",
        "CWDL",
    ]
    assert [ref.text for ref in root.iterfind(".//c:Ntry/c:NtryRef", NS)] == ["1", "2", "3", "4"]


@settings(max_examples=60, deadline=None)
@given(descriptions)
def test_a_description_is_read_back_whole(text: str) -> None:
    root = camt_root(b"".join(FORMATS["camt053"].write(make_statement(1, texts=[text]))))
    assert root.findtext(".//c:RmtInf/c:Ustrd", None, NS) == (one_line(text) or "Deposit")
