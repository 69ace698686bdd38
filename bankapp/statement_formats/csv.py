"""CSV (RFC 4180): a row for the opening balance, a row per entry, a row for the closing balance.

Amounts are decimals in major units with a decimal point. Text is quoted, numbers are not. Text that a
spreadsheet would run as a formula is escaped (OWASP, "CSV Injection").
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from bankapp.money import to_major
from bankapp.statement_formats.statement import Entry, Statement, StatementFormat
from bankapp.statement_formats.text import encoded, is_visible, one_line

COLUMNS: Final = (
    "date",
    "type",
    "description",
    "amount",
    "currency",
    "balance",
    "transaction_id",
    "transfer_id",
    "created_at",
    "counterparty_name",
    "counterparty_account_number",
    "reference",
    "end_to_end_id",
)

# In some locales U+2212 begins a number. NFKC folds the other variants of the signs to the first four.
_FORMULA_SIGNS: Final = frozenset("=+-@\N{MINUS SIGN}")

_QUOTES: Final = frozenset("\"'")


class _Echo:
    """A file object whose ``write`` returns its argument, so that the csv writer returns each row."""

    def write(self, row: str) -> str:
        return row


def _runs(cell: str, *, within: bool) -> bool:
    """Tell whether a spreadsheet may run a cell: its first visible character is a formula sign or a variant of one.

    Some imports drop leading spaces and invisible characters. If the text is ``within`` a larger cell, an import may
    also take quotes before the sign for the quotes of a cell.
    """
    skipped = _QUOTES if within else frozenset()
    first = next((char for char in cell if is_visible(char) and char not in skipped), "")
    return unicodedata.normalize("NFKC", first)[:1] in _FORMULA_SIGNS if first else False


def harmless(text: str) -> str:
    """Return ``text`` on one line, with an apostrophe before each part that a spreadsheet would run.

    In some locales spreadsheets split at semicolons even within quotes, so a part may also begin after a semicolon.
    """
    first, *rest = one_line(text).split(";")
    starts_badly = text[:1] in ("\t", "\r", "\n")
    cells = [f"'{first}" if starts_badly or _runs(first, within=False) else first]
    cells += [f"'{cell}" if _runs(cell, within=True) else cell for cell in rest]
    return ";".join(cells)


def _rows(statement: Statement) -> Iterator[tuple[object, ...]]:
    account = statement.account

    def money(amount: int) -> Decimal:
        return Decimal(to_major(amount, account.currency))

    def balance_row(kind: str, day: str, balance: int) -> tuple[object, ...]:
        return (day, kind, "", None, account.currency, money(balance), *[""] * 7)

    def entry_row(entry: Entry) -> tuple[object, ...]:
        party = entry.counterparty
        return (
            entry.created_at.date().isoformat(),
            entry.type,
            harmless(entry.description or ""),
            money(entry.signed_amount),
            account.currency,
            money(entry.balance_after),
            entry.id,
            entry.transfer_id or "",
            entry.created_at.isoformat().replace("+00:00", "Z"),
            harmless(party.name if party else ""),
            (party.account_number if party else None) or "",
            harmless(entry.reference or ""),
            harmless(entry.end_to_end_id or ""),
        )

    yield COLUMNS
    yield balance_row("opening_balance", statement.from_date.isoformat(), statement.opening_balance)
    for entry in statement.checked_entries():
        yield entry_row(entry)
    yield balance_row("closing_balance", statement.to_date.isoformat(), statement.closing_balance)


def write(statement: Statement) -> Iterator[bytes]:
    """Write the statement as CSV in UTF-8, row by row."""
    # QUOTE_NONNUMERIC quotes every text but no Decimal, so that spreadsheets read amounts as numbers.
    writer = csv.writer(_Echo(), quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    return encoded(writer.writerow(row) for row in _rows(statement))


FORMAT: Final = StatementFormat(name="csv", media_type="text/csv", extension="csv", write=write)
