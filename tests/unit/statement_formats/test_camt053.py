from __future__ import annotations

import dataclasses
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bankapp.statement_formats import FORMATS, Counterparty, Statement
from bankapp.statement_formats.text import one_line
from tests.unit.statement_formats.hostile import MT940_ATTACKS
from tests.unit.statement_formats.programs import aqbanking
from tests.unit.statement_formats.readers import BANK_TRANSACTION_CODES, NS, camt_root, odoo_statement
from tests.unit.statement_formats.samples import HOLDER, IBAN, descriptions, make_statement

XML_ATTACKS = [*MT940_ATTACKS, "</Ustrd><Nm>Trusted AG</Nm>", "]]><Ntry/> & <!--", "&lt;x&gt; &#65;", "&x;", "<?x?>"]


def written(statement: Statement) -> bytes:
    return b"".join(FORMATS["camt053"].write(statement))


def texts(parent: ElementTree.Element, path: str) -> list[str]:
    return [found.text for found in parent.iterfind(path, NS)]


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


@pytest.mark.parametrize("number", [None, 1, 12_345])
def test_only_a_numbered_statement_has_sequence_numbers(number: int | None) -> None:
    root = camt_root(written(dataclasses.replace(make_statement(1), number=number)))
    wanted = None if number is None else str(number)
    assert root.findtext(".//c:Stmt/c:ElctrncSeqNb", None, NS) == wanted
    assert root.findtext(".//c:Stmt/c:LglSeqNb", None, NS) == wanted
    assert root.findtext(".//c:Stmt/c:Id", None, NS) == f"{IBAN[-18:]}-{wanted or '2026030120260331'}"


@settings(max_examples=60, deadline=None)
@given(descriptions)
def test_a_description_is_read_back_whole(text: str) -> None:
    root = camt_root(b"".join(FORMATS["camt053"].write(make_statement(1, texts=[text]))))
    assert root.findtext(".//c:RmtInf/c:Ustrd", None, NS) == (one_line(text) or "Deposit")


@settings(max_examples=60, deadline=None)
@given(st.lists(descriptions, min_size=1, max_size=20))
def test_a_description_changes_only_its_element(descriptions: list[str]) -> None:
    assert_only_descriptions_differ(descriptions)


def test_an_attack_changes_only_its_element() -> None:
    assert_only_descriptions_differ(XML_ATTACKS)


def assert_only_descriptions_differ(descriptions: list[str]) -> None:
    roots = [camt_root(written(make_statement(len(descriptions), texts=t))) for t in (descriptions, ["Rent"])]
    for found in roots[0].iterfind(".//c:RmtInf/c:Ustrd", NS):
        found.text = "Rent"
    hostile, plain = (ElementTree.tostring(root) for root in roots)
    assert hostile == plain


def test_days_are_dates_and_the_details_have_the_time() -> None:
    statement = make_statement(40)
    root = camt_root(written(statement))
    assert not root.findall(".//c:BookgDt/c:DtTm", NS) + root.findall(".//c:ValDt/c:DtTm", NS)
    booked, valued, moments = (
        texts(root, f".//c:Ntry/{path}") for path in ("c:BookgDt/c:Dt", "c:ValDt/c:Dt", ".//c:RltdDts/c:TxDtTm")
    )
    entries = list(make_statement(40).entries)
    assert booked == valued == [str(entry.created_at.date()) for entry in entries]
    # Times in the schema have at most microseconds, like those of the application.
    assert [datetime.fromisoformat(moment) for moment in moments] == [entry.created_at for entry in entries]


@pytest.mark.parametrize("count", [0, 1, 40])
@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_the_message_obeys_the_rules_outside_the_schema(count: int, currency: str) -> None:
    """Rules of the ISO 20022 message definition report for camt.053, and of the external code sets."""
    root = camt_root(written(make_statement(count, currency)))
    (statement,) = root.iterfind(".//c:Stmt", NS)
    entries = statement.findall("c:Ntry", NS)

    def signed(parent: ElementTree.Element, amount: str = "c:Amt") -> Decimal:
        sign = {"CRDT": 1, "DBIT": -1}[parent.findtext("c:CdtDbtInd", None, NS)]
        return sign * Decimal(parent.findtext(amount, None, NS))

    opening, closing = statement.findall("c:Bal", NS)
    assert texts(statement, "c:Bal/c:Tp/c:CdOrPrtry/c:Cd") == ["OPBD", "CLBD"]
    assert signed(closing) - signed(opening) == sum(map(signed, entries))
    first, last = (date.fromisoformat(day) for day in texts(statement, "c:Bal/c:Dt/c:Dt"))
    start, end = (datetime.fromisoformat(statement.findtext(f"c:FrToDt/c:{d}", None, NS)) for d in ("FrDtTm", "ToDtTm"))
    assert (first, last) == (start.date(), end.date())
    for entry in entries:
        assert first <= date.fromisoformat(entry.findtext("c:BookgDt/c:Dt", None, NS)) <= last
        assert entry.findtext("c:Sts/c:Cd", None, NS) == "BOOK"
        assert signed(entry) == sum(signed(details) for details in entry.iterfind("c:NtryDtls/c:TxDtls", NS))
        parts = ("c:Cd", "c:Fmly/c:Cd", "c:Fmly/c:SubFmlyCd")
        code = tuple(entry.findtext(f"c:BkTxCd/c:Domn/{part}", None, NS) for part in parts)
        assert code in BANK_TRANSACTION_CODES

    for side, indicator in (("Cdt", "CRDT"), ("Dbt", "DBIT")):
        own = [signed(entry) for entry in entries if entry.findtext("c:CdtDbtInd", None, NS) == indicator]
        assert statement.findtext(f"c:TxsSummry/c:Ttl{side}Ntries/c:NbOfNtries", None, NS) == str(len(own))
        assert Decimal(statement.findtext(f"c:TxsSummry/c:Ttl{side}Ntries/c:Sum", None, NS)) == abs(sum(own))
    total = statement.find("c:TxsSummry/c:TtlNtries", NS)
    assert total.findtext("c:NbOfNtries", None, NS) == str(count)
    assert Decimal(total.findtext("c:Sum", None, NS)) == sum(abs(signed(entry)) for entry in entries)
    assert signed(total.find("c:TtlNetNtry", NS)) == sum(map(signed, entries))

    # In the schema the amount of the net total has no currency.
    amounts = [found for path in ("c:Bal/c:Amt", "c:Ntry//c:Amt") for found in statement.iterfind(path, NS)]
    assert {found.get("Ccy") for found in amounts} == {currency}
    for reference in ("c:NtryRef", "c:AcctSvcrRef", "c:NtryDtls/c:TxDtls/c:Refs/c:AcctSvcrRef"):
        assert len(set(texts(statement, f"c:Ntry/{reference}"))) == count


def test_the_statement_id_is_stable_and_the_message_id_is_new() -> None:
    one = make_statement(1)
    later = dataclasses.replace(make_statement(1), generated_at=one.generated_at + timedelta(microseconds=1))
    first, second = (camt_root(written(statement)) for statement in (one, later))
    # The same statement keeps its id; each message has a new one.
    assert texts(first, ".//c:Stmt/c:Id") == texts(second, ".//c:Stmt/c:Id")
    assert texts(first, ".//c:GrpHdr/c:MsgId") != texts(second, ".//c:GrpHdr/c:MsgId")


@pytest.mark.parametrize("count", [1, 1_000])
def test_odoo_reads_all_its_fields(count: int) -> None:
    statement = make_statement(count)
    read = odoo_statement(written(statement))
    entries = list(make_statement(count).entries)
    assert (read["account_number"], read["currency"]) == (IBAN, "EUR")
    assert read["balance_start"] == pytest.approx(statement.opening_balance / 100)
    assert read["balance_end_real"] == pytest.approx(statement.closing_balance / 100)
    assert len(read["transactions"]) == count
    for found, entry in zip(read["transactions"], entries, strict=True):
        assert found["date"] == entry.created_at.date()
        assert found["amount"] == pytest.approx(entry.signed_amount / 100)
        assert found["ref"] == ("NOTPROVIDED" if entry.transfer_id else entry.id.replace("-", ""))
        assert (found["partner_name"], found["account_number"]) == (None, None)
    assert read["transactions"][0]["payment_ref"] == "Rent"


def test_a_counterparty_is_the_debtor_of_a_credit_and_the_creditor_of_a_debit() -> None:
    party = Counterparty(name="Ünal & Co", account_number="DE02120300000000202051", bic="BYLADEM1001")
    entries = [dataclasses.replace(entry, counterparty=party) for entry in make_statement(4).entries]
    data = written(dataclasses.replace(make_statement(4), entries=entries))
    credit, *_, debit = camt_root(data).iterfind(".//c:RltdPties", NS)
    assert texts(credit, "c:Dbtr/c:Pty/c:Nm") == texts(debit, "c:Cdtr/c:Pty/c:Nm") == ["Ünal & Co"]
    assert texts(credit, "c:DbtrAcct/c:Id/c:IBAN") == texts(debit, "c:CdtrAcct/c:Id/c:IBAN") == [party.account_number]
    for found in odoo_statement(data)["transactions"]:
        assert (found["partner_name"], found["account_number"]) == (party.name, party.account_number)


@pytest.mark.parametrize("count", [0, 40])
def test_aqbanking_finds_balances_dates_and_references(tmp_path: Path, count: int) -> None:
    statement = make_statement(count)
    # AqBanking 6.5 has no profile for version 08; the elements that it reads are in the same place in version 04.
    balances, transactions = aqbanking(written(statement), "xml", "camt_053_001_04", tmp_path)
    assert [balance["value"] for balance in balances] == [
        f"{statement.opening_balance}/100:EUR",
        f"{statement.closing_balance}/100:EUR",
    ]
    for found, entry in zip(transactions, make_statement(count).entries, strict=True):
        day = f"{entry.created_at:%Y%m%d}"
        assert (found["date"], found["valutaDate"]) == (day, day)
        assert Decimal(found["value"].partition("/")[0]) == entry.signed_amount
        assert found.get("endToEndReference") == ("NOTPROVIDED" if entry.transfer_id else None)
