"""OFX 1.6 (Open Financial Exchange, SGML), the format for personal finance programs.

Version 1.6 is the newest version whose header names the encoding. The reader ofxparse takes every file of version 2
for ASCII. libofx (GnuCash, KMyMoney, HomeBank) checks every file against the rules of 1.6. Every element has its end
tag, which SGML allows and XML readers need. See ``docs/statements.md``.

The file is written as text and not as an element tree, because a tree of 100,000 entries would be in memory as a
whole. Section numbers are those of the OFX 1.6 specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Final
from xml.sax.saxutils import escape

from bankapp.money import to_major
from bankapp.statement_formats.statement import Entry, Statement, StatementAccount, StatementFormat
from bankapp.statement_formats.text import encoded, label, one_line, party_name, remittance

# Section 2.2. The character set NONE means that the encoding names it.
_HEADER: Final = "\r\n".join(
    [
        "OFXHEADER:100",
        "DATA:OFXSGML",
        "VERSION:160",
        "SECURITY:NONE",
        "ENCODING:UTF-8",
        "CHARSET:NONE",
        "COMPRESSION:NONE",
        "OLDFILEUID:NONE",
        "NEWFILEUID:NONE",
        "",
        "",
    ]
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

# The longest values that libofx keeps, in bytes of UTF-8. It cuts longer values, even within a character.
_NAME_BYTES: Final = 96
_MEMO_BYTES: Final = 390


def _element(tag: str, text: str) -> str:
    return f"<{tag}>{escape(text)}</{tag}>"


def _cut(text: str, chars: int, byte_limit: int) -> str:
    """Cut ``text`` to both limits and strip spaces at its end."""
    return text[:chars].encode()[:byte_limit].decode(errors="ignore").rstrip()


def _time(at: datetime) -> str:
    """Format a time as in section 3.2.8.2: to the millisecond, in GMT."""
    at = at.astimezone(UTC)
    # Not strftime("%Y"), which omits the leading zeros of a year before 1000.
    day = at.date().isoformat().replace("-", "")
    return f"{day}{at:%H%M%S}.{at.microsecond // 1000:03d}[0:GMT]"


def _midnight(day: date) -> str:
    return _time(datetime.combine(day, time.min, UTC))


def _account(account: StatementAccount) -> str:
    # ACCTID has at most 22 characters. The end of a longer IBAN is kept, because it has the account's digits.
    return (
        "<BANKACCTFROM>"
        + _element("BANKID", account.bic[:8])
        + _element("ACCTID", account.number[-_ACCTID_CHARS:])
        + _element("ACCTTYPE", "SAVINGS" if account.type == "savings" else "CHECKING")
        + "</BANKACCTFROM>"
    )


def _transaction(entry: Entry, currency: str) -> str:
    plain = "CREDIT" if entry.direction > 0 else "DEBIT"
    text = remittance(entry)
    name = _cut(party_name(entry) or text, _NAME_CHARS, _NAME_BYTES)
    memo = label(entry) if name == text else _cut(text, _MEMO_CHARS, _MEMO_BYTES)
    return (
        "<STMTTRN>"
        + _element("TRNTYPE", _TRNTYPES.get(entry.type, plain))
        + _element("DTPOSTED", _time(entry.created_at))
        + _element("TRNAMT", to_major(entry.signed_amount, currency))
        + _element("FITID", entry.id)
        + _element("NAME", name)
        + _element("MEMO", memo)
        + "</STMTTRN>\n"
    )


def _pieces(statement: Statement) -> Iterator[str]:
    account = statement.account
    org = _element("ORG", one_line(account.bank_name)[:_ORG_CHARS])
    yield _HEADER
    yield f"<OFX>\n<SIGNONMSGSRSV1><SONRS>{_STATUS}"
    yield _element("DTSERVER", _time(statement.generated_at))
    yield f"<LANGUAGE>ENG</LANGUAGE><FI>{org}{_element('FID', account.bic)}</FI></SONRS></SIGNONMSGSRSV1>\n"
    # TRNUID 0 means that the file answers no request, section 11.4.2.
    yield f"<BANKMSGSRSV1><STMTTRNRS><TRNUID>0</TRNUID>{_STATUS}<STMTRS>"
    yield _element("CURDEF", account.currency) + _account(account) + "\n"
    yield f"<BANKTRANLIST>{_element('DTSTART', _midnight(statement.from_date))}"
    yield _element("DTEND", _time(datetime.combine(statement.to_date, time.max, UTC))) + "\n"
    for entry in statement.checked_entries():
        yield _transaction(entry, account.currency)
    yield "</BANKTRANLIST>\n"
    yield f"<LEDGERBAL>{_element('BALAMT', to_major(statement.closing_balance, account.currency))}"
    yield f"{_element('DTASOF', _time(statement.as_of))}</LEDGERBAL>\n"
    yield "</STMTRS></STMTTRNRS></BANKMSGSRSV1>\n</OFX>\n"


def write(statement: Statement) -> Iterator[bytes]:
    """Write the statement as OFX 1.6 in UTF-8, entry by entry.

    Version 1.6 has no opening balance. Readers get it as the ledger balance minus the sum of the entries.
    """
    return encoded(_pieces(statement))


FORMAT: Final = StatementFormat(name="ofx", media_type="application/x-ofx", extension="ofx", write=write)
