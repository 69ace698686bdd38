"""MT940 (SWIFT Customer Statement Message) as a file: one message, with CRLF between its lines.

It follows the field formats of the standard (``16x``: 16 characters of set x, ``15d``: 15 characters with a
decimal comma). Field 86 is structured; see ``mt940_details``. The SWIFT network splits messages of more than
2,000 characters. Files for download, such as this one, are not split.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from mt940_writer import Balance, Transaction, TransactionAdditionalInfo, TransactionType
from mt940_writer import Statement as Message

from bankapp.money import to_major
from bankapp.statement_formats.mt940_details import Details, detail_lines
from bankapp.statement_formats.statement import Entry, Statement, StatementFormat
from bankapp.statement_formats.swift_text import free_text
from bankapp.statement_formats.text import encoded, end_to_end_id, label, remittance

_REFERENCE_CHARS: Final = 16

# 15d has room for 14 digits and the comma.
_MAX_BALANCE: Final = 10**14 - 1

_TYPES: Final = {"transfer_in": TransactionType.transfer, "transfer_out": TransactionType.transfer}

# Business transaction codes (GVC) of the DFÜ agreement, annex 3. 835 is "other".
_CODES: Final = {
    "deposit": "082",
    "withdrawal": "083",
    "transfer_in": "166",
    "transfer_out": "116",
    "card_purchase": "106",
}
_OTHER_CODE: Final = "835"


def _amount(amount: int, currency: str) -> str:
    """Format minor units as ``15d``: always with a comma, and without a sign."""
    text = to_major(abs(amount), currency)
    return text.replace(".", ",") if "." in text else f"{text},"


def _details(entry: Entry) -> Details:
    # A text that has only accents or invisible characters is empty in set x.
    texts = map(free_text, (remittance(entry), label(entry), "Entry"))
    return Details(
        code=_CODES.get(entry.type, _OTHER_CODE),
        booking_text=label(entry),
        purpose=next(filter(None, texts)),
        reference=end_to_end_id(entry),
        counterparty=entry.counterparty,
    )


# mt940-writer formats every amount with two decimals, which is wrong for JPY (none) and KWD (three). These two
# classes format their amounts themselves. The library still orders the fields.
class _Balance(Balance):  # type: ignore[misc]  # untyped in mt940-writer
    def __init__(self, amount: int, on: date, currency: str) -> None:
        super().__init__(amount, on, currency)

    def __str__(self) -> str:
        mark = "C" if self.amount >= 0 else "D"
        return f"{mark}{self.date:%y%m%d}{self.currency_code}{_amount(self.amount, self.currency_code)}"


class _Transaction(Transaction):  # type: ignore[misc]  # as above
    def __init__(self, entry: Entry, currency: str) -> None:
        super().__init__(
            date=entry.created_at.date(),
            amount=entry.signed_amount,
            transaction_type=_TYPES.get(entry.type, TransactionType.miscellaneous),
            # The bank's reference has 16 characters, an id 32 digits. The last digits are the random ones.
            narrative=f"NONREF//{entry.id.replace('-', '')[-_REFERENCE_CHARS:]}",
            additional_info=TransactionAdditionalInfo("\r\n".join(detail_lines(_details(entry)))),
        )
        self.currency = currency

    def __str__(self) -> str:
        mark = "C" if self.amount >= 0 else "D"
        amount = _amount(self.amount, self.currency)
        return f"{self.date:%y%m%d%m%d}{mark}{amount}{self.transaction_type.value}{self.narrative}"


def _fields(statement: Statement) -> Iterator[str]:
    account = statement.account
    currency = account.currency
    message = Message(
        reference_number=f"{statement.to_date:%y%m%d}{account.number[-10:]}",
        account=account.number,
        # 5n. The DFÜ agreement (annex 3, field 28C) has 0 where statements are not numbered.
        statement_number=str(statement.number or 0),
        opening_balance=_Balance(statement.opening_balance, statement.from_date, currency),
        closing_balance=_Balance(statement.closing_balance, statement.as_of.date(), currency),
        transactions=(_Transaction(entry, currency) for entry in statement.checked_entries()),
    )
    for field in message:
        yield f"{field}\r\n"
    yield "-\r\n"


def write(statement: Statement) -> Iterator[bytes]:
    """Write the statement as one MT940 message, entry by entry.

    Raises ValueError if a balance has more digits than the format allows.
    """
    if not FORMAT.accepts(statement):
        raise ValueError("an MT940 balance has at most 14 digits")
    return encoded(_fields(statement), "ascii")


FORMAT: Final = StatementFormat(
    name="mt940", media_type="application/x-mt940", extension="sta", write=write, max_balance=_MAX_BALANCE
)
