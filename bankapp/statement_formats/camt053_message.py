"""Builds the camt.053.001.08 message (ISO 20022, BankToCustomerStatementV08).

The message consists of the generated classes of the ISO schema. It is in memory as a whole while it is
written, so the number of entries is limited. ``docs/statements.md`` says what the importing programs need.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Final

from pyiso20022.camt import camt_053_001_08 as iso
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.formats.dataclass.serializers.config import SerializerConfig
from xsdata.models.datatype import XmlDate, XmlDateTime

from bankapp.money import to_major
from bankapp.statement_formats.statement import Counterparty, Entry, Statement, StatementAccount
from bankapp.statement_formats.text import description, end_to_end_id, label, one_line

_NAMESPACE: Final = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
_MAX140_TEXT: Final = 140
_CHUNK_BYTES: Final = 64 * 1024

# Domain, family and sub-family of the ISO external bank transaction codes.
_CODES: Final = {
    "deposit": ("PMNT", "CNTR", "CDPT"),
    "withdrawal": ("PMNT", "CNTR", "CWDL"),
    "transfer_in": ("PMNT", "RCDT", "BOOK"),
    "transfer_out": ("PMNT", "ICDT", "BOOK"),
    "card_purchase": ("PMNT", "CCRD", "POSD"),
}
_OTHER_CREDIT: Final = ("PMNT", "MCOP", "OTHR")
_OTHER_DEBIT: Final = ("PMNT", "MDOP", "OTHR")


def _decimal(amount: int, currency: str) -> Decimal:
    return Decimal(to_major(abs(amount), currency))


def _amount(amount: int, currency: str) -> iso.ActiveOrHistoricCurrencyAndAmount:
    return iso.ActiveOrHistoricCurrencyAndAmount(value=_decimal(amount, currency), ccy=currency)


def _side(signed_amount: int) -> iso.CreditDebitCode:
    return iso.CreditDebitCode.CRDT if signed_amount >= 0 else iso.CreditDebitCode.DBIT


def _time(at: datetime) -> XmlDateTime:
    return XmlDateTime.from_datetime(at.astimezone(UTC))


def _reference(uuid: str) -> str:
    """Return an id without hyphens: with hyphens it is one character too long for Max35Text."""
    return uuid.replace("-", "")


def _account(account: StatementAccount) -> iso.CashAccount39:
    return iso.CashAccount39(
        id=iso.AccountIdentification4Choice(iban=account.number),
        tp=iso.CashAccountType2Choice(cd="SVGS" if account.type == "savings" else "CACC"),
        ccy=account.currency,
        ownr=iso.PartyIdentification135(nm=one_line(account.holder_name)[:_MAX140_TEXT] or None),
        svcr=iso.BranchAndFinancialInstitutionIdentification6(
            fin_instn_id=iso.FinancialInstitutionIdentification18(
                bicfi=account.bic, nm=one_line(account.bank_name)[:_MAX140_TEXT] or None
            )
        ),
    )


def _balance(code: str, amount: int, currency: str, on: date) -> iso.CashBalance8:
    """Return a balance. The code is OPBD for the booked opening balance, CLBD for the booked closing balance."""
    return iso.CashBalance8(
        tp=iso.BalanceType13(cd_or_prtry=iso.BalanceType10Choice(cd=code)),
        amt=_amount(amount, currency),
        cdt_dbt_ind=_side(amount),
        dt=iso.DateAndDateTime2Choice(dt=XmlDate.from_date(on)),
    )


def _code(entry: Entry) -> iso.BankTransactionCodeStructure4:
    domain, family, sub_family = _CODES.get(entry.type, _OTHER_CREDIT if entry.direction > 0 else _OTHER_DEBIT)
    return iso.BankTransactionCodeStructure4(
        domn=iso.BankTransactionCodeStructure5(
            cd=domain, fmly=iso.BankTransactionCodeStructure6(cd=family, sub_fmly_cd=sub_family)
        )
    )


def _parties(party: Counterparty, direction: int) -> iso.TransactionParties6:
    """Return the counterparty: the debtor of a credit, or the creditor of a debit."""
    name = one_line(party.name)[:_MAX140_TEXT]
    person = iso.Party40Choice(pty=iso.PartyIdentification135(nm=name)) if name else None
    number = party.account_number
    account = iso.CashAccount38(id=iso.AccountIdentification4Choice(iban=number)) if number else None
    if direction > 0:
        return iso.TransactionParties6(dbtr=person, dbtr_acct=account)
    return iso.TransactionParties6(cdtr=person, cdtr_acct=account)


def _agents(party: Counterparty, direction: int) -> iso.TransactionAgents5 | None:
    """Return the bank of the counterparty's account."""
    if not party.bic:
        return None
    agent = iso.BranchAndFinancialInstitutionIdentification6(
        fin_instn_id=iso.FinancialInstitutionIdentification18(bicfi=party.bic)
    )
    return iso.TransactionAgents5(dbtr_agt=agent) if direction > 0 else iso.TransactionAgents5(cdtr_agt=agent)


def _remittance(entry: Entry) -> iso.RemittanceInformation16:
    """Return the description, and the reference in the element that importers match invoices by."""
    strd = []
    if entry.reference:
        reference = iso.CreditorReferenceInformation2(ref=entry.reference)
        strd = [iso.StructuredRemittanceInformation16(cdtr_ref_inf=reference)]
    return iso.RemittanceInformation16(ustrd=[description(entry)[:_MAX140_TEXT]], strd=strd)


def _details(entry: Entry, currency: str) -> iso.EntryTransaction10:
    """Return the one transaction of an entry. Importers read amount and side here, too."""
    transfer = _reference(entry.transfer_id) if entry.transfer_id else None
    return iso.EntryTransaction10(
        refs=iso.TransactionReferences6(
            acct_svcr_ref=_reference(entry.id), end_to_end_id=end_to_end_id(entry), tx_id=transfer
        ),
        amt=_amount(entry.amount, currency),
        cdt_dbt_ind=_side(entry.direction),
        rltd_pties=_parties(entry.counterparty, entry.direction) if entry.counterparty else None,
        rltd_agts=_agents(entry.counterparty, entry.direction) if entry.counterparty else None,
        rmt_inf=_remittance(entry),
        rltd_dts=iso.TransactionDates3(tx_dt_tm=_time(entry.created_at)),
    )


def _entry(entry: Entry, currency: str) -> iso.ReportEntry10:
    # Importers expect dates here, as banks write them. The time is in the details, as TxDtTm.
    day = iso.DateAndDateTime2Choice(dt=XmlDate.from_date(entry.created_at.astimezone(UTC).date()))
    return iso.ReportEntry10(
        ntry_ref=str(entry.sequence),
        amt=_amount(entry.amount, currency),
        cdt_dbt_ind=_side(entry.direction),
        sts=iso.EntryStatus1Choice(cd="BOOK"),
        bookg_dt=day,
        val_dt=day,
        acct_svcr_ref=_reference(entry.id),
        bk_tx_cd=_code(entry),
        ntry_dtls=[iso.EntryDetails9(tx_dtls=[_details(entry, currency)])],
        addtl_ntry_inf=label(entry),
    )


def _totals(statement: Statement, credits_count: int) -> iso.TotalTransactions6:
    currency = statement.account.currency
    net = statement.total_credits - statement.total_debits
    return iso.TotalTransactions6(
        ttl_ntries=iso.NumberAndSumOfTransactions4(
            nb_of_ntries=str(statement.entry_count),
            sum=_decimal(statement.total_credits + statement.total_debits, currency),
            ttl_net_ntry=iso.AmountAndDirection35(amt=_decimal(net, currency), cdt_dbt_ind=_side(net)),
        ),
        ttl_cdt_ntries=iso.NumberAndSumOfTransactions1(
            nb_of_ntries=str(credits_count), sum=_decimal(statement.total_credits, currency)
        ),
        ttl_dbt_ntries=iso.NumberAndSumOfTransactions1(
            nb_of_ntries=str(statement.entry_count - credits_count),
            sum=_decimal(statement.total_debits, currency),
        ),
    )


def _number(statement: Statement) -> Decimal | None:
    return None if statement.number is None else Decimal(statement.number)


def _statement_id(statement: Statement) -> str:
    """Name a statement by the end of its IBAN and its number, or its days where it has none: at most Max35Text."""
    days = "".join(day.isoformat().replace("-", "") for day in (statement.from_date, statement.to_date))
    return f"{statement.account.number[-18:]}-{days if statement.number is None else statement.number}"


def _document(statement: Statement) -> iso.Document:
    account = statement.account
    currency = account.currency
    entries = [_entry(entry, currency) for entry in statement.checked_entries()]
    body = iso.AccountStatement9(
        id=_statement_id(statement),
        # Both are optional, and a statement without number has neither: a number here claims that none is missing.
        elctrnc_seq_nb=_number(statement),
        lgl_seq_nb=_number(statement),
        cre_dt_tm=_time(statement.generated_at),
        fr_to_dt=iso.DateTimePeriod1(
            fr_dt_tm=_time(datetime.combine(statement.from_date, time.min, UTC)),
            to_dt_tm=_time(datetime.combine(statement.to_date, time.max, UTC)),
        ),
        acct=_account(account),
        bal=[
            _balance("OPBD", statement.opening_balance, currency, statement.from_date),
            _balance("CLBD", statement.closing_balance, currency, statement.as_of.date()),
        ],
        txs_summry=_totals(statement, sum(e.cdt_dbt_ind is iso.CreditDebitCode.CRDT for e in entries)),
        ntry=entries,
    )
    # The statement's id is the same for each request of the same statement. The message id is unique.
    header = iso.GroupHeader81(
        # 16 characters, a hyphen and 18 digits of time: exactly the 35 characters of Max35Text.
        msg_id=f"{account.number[-16:]}-{statement.generated_at:%y%m%d%H%M%S%f}",
        cre_dt_tm=_time(statement.generated_at),
    )
    return iso.Document(bk_to_cstmr_stmt=iso.BankToCustomerStatementV08(grp_hdr=header, stmt=[body]))


def write(statement: Statement) -> Iterator[bytes]:
    """Write the statement as a camt.053.001.08 message in UTF-8."""
    serializer = XmlSerializer(config=SerializerConfig(encoding="UTF-8"))
    message = serializer.render(_document(statement), ns_map={"": _NAMESPACE}).encode()
    return (message[at : at + _CHUNK_BYTES] for at in range(0, len(message), _CHUNK_BYTES))
