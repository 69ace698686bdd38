from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bankapp.statement_formats import FORMATS
from bankapp.statement_formats.text import label, one_line
from tests.unit.statement_formats.hostile import MT940_ATTACKS, hostile
from tests.unit.statement_formats.programs import ofxdump
from tests.unit.statement_formats.readers import ofx_statement, ofxparse_statement
from tests.unit.statement_formats.samples import IBAN, descriptions, make_statement

UNHURRIED = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

OFX_TEXTS = [
    "Zoë & Grüße <b> \"q\" 'x' 日本 😀",
    "a&amp;b &#233; &#xe9; &nbsp; &lt;",
    "</NAME><NAME>Trusted AG",
    "</STMTTRN><STMTTRN><TRNAMT>999999",
    "<OFX>",
    "</OFX>",
    "<A.B>c</A.B>",
    "x<![CDATA[y]]>z ]]> <!-- c --> <!ENTITY x> <?x?> %x;",
    "OFXHEADER:100",
    "日本語の説明" * 20,
    "😀" * 140,
    *MT940_ATTACKS,
]

texts_of_all_kinds = st.one_of(descriptions, hostile, st.sampled_from(OFX_TEXTS))


def test_account_period_and_transactions_are_read_back() -> None:
    statement = ofx_statement(b"".join(FORMATS["ofx"].write(make_statement(4, type="savings"))))
    assert (statement.account.acctid, statement.account.accttype) == (IBAN, "SAVINGS")
    assert statement.transactions.dtstart == datetime(2026, 3, 1, tzinfo=UTC)
    assert statement.ledgerbal.dtasof.date() == datetime(2026, 3, 31, tzinfo=UTC).date()
    # By this id a program recognises transactions that it has imported before.
    assert len({transaction.fitid for transaction in statement.transactions}) == 4
    first, second, *_ = statement.transactions
    assert (first.trntype, first.name, first.memo) == ("DEP", "Rent", "Deposit")
    assert (second.trntype, second.name) == ("XFER", "Transfer received")


def test_a_long_iban_is_cut_at_the_start() -> None:
    number = "FR1420041010050500013M02606"
    statement = ofx_statement(b"".join(FORMATS["ofx"].write(make_statement(0, number=number))))
    assert statement.account.acctid == number[-22:]


def wanted_texts(text: str, label: str) -> tuple[str, str]:
    """The name and the memo of a description, by the limits of OFX (characters) and of libofx (bytes)."""
    line = one_line(text) or label
    name = cut(line, 32, 96)
    return name, label if name == line else cut(line, 255, 390)


def cut(text: str, chars: int, size: int) -> str:
    short = text[:chars]
    while len(short.encode()) > size:
        short = short[:-1]
    return short.rstrip()


def wanted(texts: list[str]) -> list[tuple[str, str]]:
    labels = [label(entry) for entry in make_statement(len(texts)).entries]
    return [wanted_texts(text, kind) for text, kind in zip(texts, labels, strict=True)]


def written(texts: list[str]) -> bytes:
    return b"".join(FORMATS["ofx"].write(make_statement(len(texts), texts=texts)))


def read_by_ofxdump(data: bytes, folder: Path) -> tuple[list[tuple[str, str]], str]:
    found, complaints = ofxdump(data, folder)
    names = re.findall(r"^    Name of payee or transaction description: (.*)$", found, re.MULTILINE)
    memos = re.findall(r"^    Extra transaction information \(memo\): (.*)$", found, re.MULTILINE)
    return list(zip(names, memos, strict=True)), complaints


@settings(max_examples=100, deadline=None, suppress_health_check=UNHURRIED)
@given(st.lists(texts_of_all_kinds, min_size=1, max_size=20))
@example(OFX_TEXTS)
def test_a_description_is_read_back_by_ofxtools_and_ofxparse(texts: list[str]) -> None:
    data = written(texts)
    read = [[(entry.name, entry.memo) for entry in ofx_statement(data).transactions]]
    read += [[(entry.payee, entry.memo) for entry in ofxparse_statement(data).transactions]]
    assert read == [wanted(texts)] * 2


@settings(max_examples=20, deadline=None, suppress_health_check=UNHURRIED)
@given(texts=st.lists(texts_of_all_kinds, min_size=50, max_size=50))
@example(texts=OFX_TEXTS)
def test_a_description_is_read_back_by_libofx(tmp_path: Path, texts: list[str]) -> None:
    read, complaints = read_by_ofxdump(written(texts), tmp_path)
    assert read == wanted(texts)
    # libofx checks the file against the document type of 1.6. It prints a message for each byte beyond ASCII that it
    # keeps.
    assert "ERROR" not in complaints


@pytest.mark.parametrize("count", [0, 1, 1_000])
def test_three_readers_find_the_same_entries_and_balance(tmp_path: Path, count: int) -> None:
    statement = make_statement(count)
    data = b"".join(FORMATS["ofx"].write(statement))
    entries = list(make_statement(count).entries)
    ids, amounts = [entry.id for entry in entries], [Decimal(entry.signed_amount) / 100 for entry in entries]
    closing = Decimal(statement.closing_balance) / 100
    by_ofxtools, by_ofxparse = ofx_statement(data), ofxparse_statement(data)
    assert (
        [entry.fitid for entry in by_ofxtools.transactions] == [entry.id for entry in by_ofxparse.transactions] == ids
    )
    assert [entry.trnamt for entry in by_ofxtools.transactions] == amounts
    assert [entry.amount for entry in by_ofxparse.transactions] == amounts
    assert by_ofxtools.ledgerbal.balamt == by_ofxparse.balance == closing
    moments = [entry.created_at.replace(microsecond=0, tzinfo=None) for entry in entries]
    assert [entry.date.replace(microsecond=0) for entry in by_ofxparse.transactions] == moments

    found, complaints = ofxdump(data, tmp_path)
    assert re.findall(r"ID for this transaction: (.*)$", found, re.MULTILINE) == ids
    assert re.findall(r"Total money amount: (.*)$", found, re.MULTILINE) == [f"{amount:.2f}" for amount in amounts]
    assert re.findall(r"Ledger balance: (.*)$", found, re.MULTILINE) == [f"{closing:.2f}"]
    assert "ERROR" not in complaints


def test_the_body_is_well_formed_xml() -> None:
    head, _, body = written(OFX_TEXTS).decode().partition("\r\n\r\n")
    assert head.splitlines()[2:6] == ["VERSION:160", "SECURITY:NONE", "ENCODING:UTF-8", "CHARSET:NONE"]
    assert len(ElementTree.fromstring(body).findall(".//STMTTRN")) == len(OFX_TEXTS)


def test_a_name_is_cut_between_characters() -> None:
    (entry,) = ofx_statement(written(["\N{GRINNING FACE}" * 140])).transactions
    assert (entry.name, entry.memo) == ("\N{GRINNING FACE}" * 24, "\N{GRINNING FACE}" * 97)
