"""OFX 2.2 (Open Financial Exchange, XML): what personal finance programs import.

Written as text rather than through an element tree, because a tree of 100,000 entries would have to be
held whole. Section numbers are those of the OFX 2.2 specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Final
from xml.sax.saxutils import escape

from bankapp.money import to_major
from bankapp.statement_formats.statement import Entry, Statement, StatementAccount, StatementFormat
from bankapp.statement_formats.text import description, encoded, label, one_line

_HEADER: Final = (
    '<?xml version="1.0" encoding="UTF-8" standalone="no"?>\n'
    '<?OFX OFXHEADER="200" VERSION="220" SECURITY="NONE" OLDFILEUID="NONE" NEWFILEUID="NONE"?>\n'
)
_STATUS: Final = "<STATUS><CODE>0</CODE><SEVERITY>INFO</SEVERITY></STATUS>"
_TRNTYPES: Final = {
    "deposit": "DEP",
    "withdrawal": "CASH",
    "transfer_in": "XFER",
    "transfer_out": "XFER",
    "card_purchase": "POS",
}

# The longest values in characters, sections 3.2.1, 11.3.1 and 11.4.3.
_ORG_CHARS: Final = 32
_NAME_CHARS: Final = 32
_MEMO_CHARS: Final = 255
_ACCTID_CHARS: Final = 22


def _element(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text)}</{tag}>"


def _time(at: datetime) -> str:
    """Write a time as section 3.2.8.2 has it, to the millisecond and in GMT."""
    at = at.astimezone(UTC)
    # Not strftime("%Y"): it leaves out the zeros of a year before 1000.
    day = at.date().isoformat().replace("-", "")
    return f"{day}{at:%H%M%S}.{at.microsecond // 1000:03d}[0:GMT]"


def _midnight(day: date) -> str:
    return _time(datetime.combine(day, time.min, UTC))


def _account(account: StatementAccount) -> str:
    # ACCTID holds 22 characters. A longer IBAN keeps its end, where the customer's own digits are.
    return (
        "<BANKACCTFROM>"
        + _element("BANKID", account.bic[:8])
        + _element("ACCTID", account.number[-_ACCTID_CHARS:])
        + _element("ACCTTYPE", "SAVINGS" if account.type == "savings" else "CHECKING")
        + "</BANKACCTFROM>"
    )


def _transaction(entry: Entry, currency: str) -> str:
    plain = "CREDIT" if entry.direction > 0 else "DEBIT"
    text = description(entry)
    return (
        "<STMTTRN>"
        + _element("TRNTYPE", _TRNTYPES.get(entry.type, plain))
        + _element("DTPOSTED", _time(entry.created_at))
        + _element("TRNAMT", to_major(entry.signed_amount, currency))
        + _element("FITID", entry.id)
        + _element("NAME", text[:_NAME_CHARS].rstrip())
        + _element("MEMO", (text if len(text) > _NAME_CHARS else label(entry))[:_MEMO_CHARS])
        + "</STMTTRN>\n"
    )


def _pieces(statement: Statement) -> Iterator[str]:
    account = statement.account
    org = _element("ORG", one_line(account.bank_name)[:_ORG_CHARS])
    yield _HEADER
    yield f"<OFX>\n<SIGNONMSGSRSV1><SONRS>{_STATUS}"
    yield _element("DTSERVER", _time(statement.generated_at))
    yield f"<LANGUAGE>ENG</LANGUAGE><FI>{org}{_element('FID', account.bic)}</FI></SONRS></SIGNONMSGSRSV1>\n"
    # TRNUID 0: a file that answers no request, section 11.4.2.
    yield f"<BANKMSGSRSV1><STMTTRNRS><TRNUID>0</TRNUID>{_STATUS}<STMTRS>"
    yield _element("CURDEF", account.currency) + _account(account) + "\n"
    yield f"<BANKTRANLIST>{_element('DTSTART', _midnight(statement.from_date))}"
    yield _element("DTEND", _time(datetime.combine(statement.to_date, time.max, UTC))) + "\n"
    for entry in statement.checked_entries():
        yield _transaction(entry, account.currency)
    yield "</BANKTRANLIST>\n"
    yield f"<LEDGERBAL>{_element('BALAMT', to_major(statement.closing_balance, account.currency))}"
    yield f"{_element('DTASOF', _time(statement.as_of))}</LEDGERBAL>\n"
    # OFX has no element of its own for an opening balance; BALLIST is its place for further ones.
    yield "<BALLIST><BAL><NAME>OPENING</NAME><DESC>Opening balance</DESC><BALTYPE>DOLLAR</BALTYPE>"
    yield _element("VALUE", to_major(statement.opening_balance, account.currency))
    yield f"{_element('DTASOF', _midnight(statement.from_date))}</BAL></BALLIST>\n"
    yield "</STMTRS></STMTTRNRS></BANKMSGSRSV1>\n</OFX>\n"


def write(statement: Statement) -> Iterator[bytes]:
    """Write the statement as OFX 2.2 in UTF-8, entry by entry."""
    return encoded(_pieces(statement))


FORMAT: Final = StatementFormat(name="ofx", media_type="application/x-ofx", extension="ofx", write=write)
