"""Independent readers, each of which returns the figures of a statement from a written file."""

from __future__ import annotations

import csv
import io
import re
import warnings
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import mt940
import pypdf
import xmlschema
from ofxparse import OfxParser
from ofxtools.Parser import OFXTree

from bankapp.money import exponent, from_major
from tests.unit.statement_formats.samples import Figures

XSD = Path(__file__).parents[2] / "data" / "iso20022" / "camt.053.001.08.xsd"
NS = {"c": "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"}

# Domain, family and sub-family of the ISO 20022 bank transaction codes (external code sets, Bank Transaction Codes
# combinations), as far as the writer uses them.
BANK_TRANSACTION_CODES = {
    ("PMNT", "CNTR", "CDPT"): "Payments, Counter Transactions, Cash Deposit",
    ("PMNT", "CNTR", "CWDL"): "Payments, Counter Transactions, Cash Withdrawal",
    ("PMNT", "RCDT", "BOOK"): "Payments, Received Credit Transfers, Internal Book Transfer",
    ("PMNT", "ICDT", "BOOK"): "Payments, Issued Credit Transfers, Internal Book Transfer",
    ("PMNT", "CCRD", "POSD"): "Payments, Customer Card Transactions, Point-of-Sale (POS) Payment - Debit Card",
    ("PMNT", "MCOP", "OTHR"): "Payments, Miscellaneous Credit Operations, Other",
    ("PMNT", "MDOP", "OTHR"): "Payments, Miscellaneous Debit Operations, Other",
}

# A row of the PDF ends with its amount and balance: "12 Mar 2026 ... -1,234.56 5,678.90".
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
    amounts = [minor(transaction.trnamt, currency) for transaction in statement.transactions]
    closing = minor(statement.ledgerbal.balamt, currency)
    # Version 1.6 has no field for the opening balance, so readers calculate it from the closing balance.
    return Figures(closing - sum(amounts), closing, len(amounts), sum(amounts))


def ofxparse_statement(data: bytes) -> Any:
    """Read a file as Odoo's module account_statement_import_ofx does: with ofxparse."""
    with warnings.catch_warnings():
        # ofxparse 0.21 calls methods that beautifulsoup4 has renamed.
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="ofxparse")
        return OfxParser.parse(io.BytesIO(data)).account.statement


def mt940_statement(data: bytes) -> mt940.models.Transactions:
    # Read from a handle, because mt-940 would open a text that is the name of a file.
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


def odoo_statement(data: bytes) -> dict[str, Any]:
    """Read a file as the module account_statement_import_camt of OCA (Odoo 16 to 19) does.

    A reimplementation of ``AccountStatementImportCamtParser`` with its paths, in its order. It reads the booking date
    from ``BookgDt/Dt`` only, as older releases of the module do.
    """
    root = ElementTree.fromstring(data)
    namespace = root.tag[1:].partition("}")[0]
    assert re.match(r"urn:iso:std:iso:20022:tech:xsd:camt\.05[234]\.", namespace)
    header, node = root[0]
    assert header.tag == f"{{{namespace}}}GrpHdr"

    def text(parent: ElementTree.Element, *paths: str) -> str | None:
        found = (parent.findtext(path, None, {"ns": namespace}) for path in paths)
        return next((value for value in found if value is not None), None)

    def amount(parent: ElementTree.Element, side: str | None) -> float:
        sign = -1 if (text(parent, "ns:CdtDbtInd") or side) == "DBIT" else 1
        return sign * float(text(parent, "ns:Amt", "ns:AmtDtls/ns:TxAmt/ns:Amt") or 0)

    def balance(*codes: str) -> float:
        found = {text(bal, "ns:Tp/ns:CdOrPrtry/ns:Cd"): bal for bal in node.iterfind("ns:Bal", {"ns": namespace})}
        return next(amount(found[code], None) for code in codes if code in found)

    transactions = []
    for entry in node.iterfind("ns:Ntry", {"ns": namespace}):
        side = text(entry, "ns:CdtDbtInd")
        party = "Dbtr" if side == "CRDT" else "Cdtr"
        for details in entry.iterfind("ns:NtryDtls/ns:TxDtls", {"ns": namespace}):
            pty, account = f"ns:RltdPties/ns:{party}", f"ns:RltdPties/ns:{party}Acct/ns:Id"
            reference = text(details, "ns:RmtInf/ns:Strd/ns:CdtrRefInf/ns:Ref", "ns:Refs/ns:EndToEndId")
            transactions.append(
                {
                    "date": date.fromisoformat(text(entry, "ns:BookgDt/ns:Dt")),
                    "payment_ref": text(details, "ns:RmtInf/ns:Ustrd", "ns:AddtlNtryInf", "ns:Refs/ns:InstrId") or "/",
                    "amount": amount(details, side) or amount(entry, None),
                    "ref": reference or text(entry, "ns:NtryDtls/ns:TxDtls/ns:Refs/ns:AcctSvcrRef"),
                    "partner_name": text(details, f"{pty}/ns:Nm", f"{pty}/ns:Pty/ns:Nm"),
                    "account_number": text(details, f"{account}/ns:IBAN", f"{account}/ns:Othr/ns:Id"),
                }
            )
    return {
        "name": text(node, "ns:Id"),
        "account_number": text(node, "ns:Acct/ns:Id/ns:IBAN", "ns:Acct/ns:Id/ns:Othr/ns:Id"),
        "currency": text(node, "ns:Acct/ns:Ccy"),
        "balance_start": balance("PRCD", "OPBD"),
        "balance_end_real": balance("CLBD"),
        "transactions": transactions,
    }


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

    # The amount and the balance of a row are two lines with nothing but a figure.
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
