"""Readers that are not ours, each of which finds the figures of a statement in the file we wrote."""

from __future__ import annotations

import csv
import io
import re
from decimal import Decimal
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import mt940
import pypdf
import xmlschema
from ofxtools.Parser import OFXTree

from bankapp.money import exponent, from_major
from tests.unit.statement_formats.samples import Figures

XSD = Path(__file__).parents[2] / "data" / "iso20022" / "camt.053.001.08.xsd"
NS = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}

# "12 Mar 2026 ... -1,234.56 5,678.90": what a row of the PDF ends with.
PDF_FIGURE = r"-?[\d,]+(?:\.\d+)?"


def minor(value: Decimal, currency: str) -> int:
    scaled = value.scaleb(exponent(currency))
    assert scaled == int(scaled), f"{value} has more digits than {currency}"
    return int(scaled)


def csv_rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode(), newline=""), strict=True))


def read_csv(data: bytes, currency: str) -> Figures:
    first, *rows, last = csv_rows(data)
    assert (first["type"], last["type"]) == ("opening_balance", "closing_balance")
    assert all(row["currency"] == currency for row in (first, *rows, last))
    total = sum(from_major(row["amount"], currency) for row in rows)
    return Figures(from_major(first["balance"], currency), from_major(last["balance"], currency), len(rows), total)


def ofx_statement(data: bytes) -> object:
    tree = OFXTree()
    tree.parse(io.BytesIO(data))
    (statement,) = tree.convert().statements
    return statement


def read_ofx(data: bytes, currency: str) -> Figures:
    statement = ofx_statement(data)
    assert statement.curdef == currency
    (opening,) = statement.ballist
    amounts = [minor(transaction.trnamt, currency) for transaction in statement.transactions]
    return Figures(
        minor(opening.value, currency),
        minor(statement.ledgerbal.balamt, currency),
        len(amounts),
        sum(amounts),
    )


def mt940_statement(data: bytes) -> mt940.models.Transactions:
    # Read from a handle: a text that happens to be a file's name would be opened.
    return mt940.parse(io.BytesIO(data), encoding="ascii")


def read_mt940(data: bytes, currency: str) -> Figures:
    statement = mt940_statement(data)
    opening, closing = (statement.data[f"final_{side}_balance"].amount for side in ("opening", "closing"))
    amounts = [entry.data["amount"] for entry in statement]
    assert {a.currency for a in (opening, closing, *amounts)} == {currency}
    return Figures(
        minor(opening.amount, currency),
        minor(closing.amount, currency),
        len(amounts),
        sum(minor(a.amount, currency) for a in amounts),
    )


@cache
def camt_schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(XSD)


def camt_root(data: bytes) -> ElementTree.Element:
    camt_schema().validate(data.decode())
    return ElementTree.fromstring(data)


def camt_amount(parent: ElementTree.Element, currency: str) -> int:
    amount = parent.find("c:Amt", NS)
    assert amount.get("Ccy") == currency
    value = minor(Decimal(amount.text), currency)
    return value if parent.findtext("c:CdtDbtInd", None, NS) == "CRDT" else -value


def read_camt053(data: bytes, currency: str) -> Figures:
    root = camt_root(data)
    balances = {
        balance.findtext("c:Tp/c:CdOrPrtry/c:Cd", None, NS): camt_amount(balance, currency)
        for balance in root.iterfind(".//c:Bal", NS)
    }
    amounts = [camt_amount(entry, currency) for entry in root.iterfind(".//c:Ntry", NS)]
    assert root.findtext(".//c:TtlNtries/c:NbOfNtries", None, NS) == str(len(amounts))
    return Figures(balances["OPBD"], balances["CLBD"], len(amounts), sum(amounts))


def pdf_pages(data: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data), strict=True).pages]


def read_pdf(data: bytes, currency: str) -> Figures:
    text = "\n".join(pdf_pages(data))

    def money(figure: str) -> int:
        return from_major(figure.replace(",", ""), currency)

    def balance(name: str) -> int:
        (summary,) = re.findall(rf"{name}\n({PDF_FIGURE}) {currency}\n", text)
        (row,) = re.findall(rf"\d{{4}}\n{name}\n({PDF_FIGURE})\n", text)
        assert summary == row
        return money(row)

    # A row's amount and balance are two lines that hold a figure and nothing else.
    pairs = re.findall(rf"^({PDF_FIGURE})\n({PDF_FIGURE})$", text, re.MULTILINE)
    amounts = [money(amount) for amount, _ in pairs]
    return Figures(balance("Opening balance"), balance("Closing balance"), len(amounts), sum(amounts))


READERS = {
    "csv": read_csv,
    "pdf": read_pdf,
    "ofx": read_ofx,
    "camt053": read_camt053,
    "mt940": read_mt940,
}
