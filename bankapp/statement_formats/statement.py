"""The data of a statement, which every format is written from: one account, one period, a stream of entries.

Amounts and balances are integers in minor units of the account's currency (ISO 4217).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Final


class StatementMismatchError(RuntimeError):
    """The entries do not add up from the opening balance to the closing balance."""


# The 0 in eighth place marks a test BIC, so it cannot be the BIC of a real bank.
BIC: Final = "BANKDEF0XXX"
"""The bank's own BIC (ISO 9362)."""


@dataclass(frozen=True, slots=True)
class StatementAccount:
    """The account of a statement. ``number`` is an IBAN (ISO 13616), ``bic`` a BIC (ISO 9362)."""

    id: str
    number: str
    type: str
    currency: str
    holder_name: str
    bank_name: str = "bankapp"
    bic: str = BIC


@dataclass(frozen=True, slots=True)
class Counterparty:
    """The other side of an entry: its name, account number (IBAN, ISO 13616) and its bank's BIC (ISO 9362).

    Merchants and cash have a name only.
    """

    name: str
    account_number: str | None = None
    bic: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One booked movement: ``amount`` is positive, ``direction`` is +1 (credit) or -1 (debit).

    ``reference`` and ``end_to_end_id`` are the payer's identifiers, of at most 35 characters of the SEPA character set.
    """

    id: str
    sequence: int
    type: str
    amount: int
    direction: int
    balance_after: int
    description: str | None
    transfer_id: str | None
    created_at: datetime
    counterparty: Counterparty | None = None
    reference: str | None = None
    end_to_end_id: str | None = None

    @property
    def signed_amount(self) -> int:
        """The amount in minor units, negative for a debit."""
        return self.amount * self.direction


@dataclass(frozen=True, slots=True)
class Statement:
    """A period of an account, both days included, in UTC.

    ``entries`` come oldest first and may be a stream that can be read only once. ``number`` counts the statements of
    the account that are kept as records; None for a period that was asked for.
    """

    account: StatementAccount
    from_date: date
    to_date: date
    opening_balance: int
    closing_balance: int
    total_credits: int
    total_debits: int
    entry_count: int
    entries: Iterable[Entry]
    generated_at: datetime
    number: int | None = None

    def __post_init__(self) -> None:
        """Raise StatementMismatchError if the totals do not add up."""
        if self.opening_balance + self.total_credits - self.total_debits != self.closing_balance:
            raise StatementMismatchError("opening balance + credits - debits is not the closing balance")

    @property
    def as_of(self) -> datetime:
        """The time of the closing balance: the end of the period, or now if the period has not ended yet."""
        return min(self.generated_at, datetime.combine(self.to_date, time.max, UTC))

    def checked_entries(self) -> Iterator[Entry]:
        """Yield the entries. Raises StatementMismatchError at the first one that does not continue the balance.

        The user notices a download that breaks off, but not a wrong total.
        """
        balance, count = self.opening_balance, 0
        for entry in self.entries:
            balance += entry.signed_amount
            count += 1
            if balance != entry.balance_after:
                raise StatementMismatchError(f"entry {entry.id} does not continue the balance")
            yield entry
        if balance != self.closing_balance or count != self.entry_count:
            raise StatementMismatchError("the entries do not add up to the closing balance")


@dataclass(frozen=True, slots=True)
class StatementFormat:
    """A file format: its name, its media type and its writer.

    A statement with more than ``max_entries`` entries, or with an opening or closing balance above
    ``max_balance`` minor units, is refused. None means no limit. ``write`` yields the file in chunks and
    reads entries only as needed for the next chunk.
    """

    name: str
    media_type: str
    extension: str
    write: Callable[[Statement], Iterator[bytes]]
    max_entries: int | None = None
    max_balance: int | None = None

    def accepts(self, statement: Statement) -> bool:
        """Tell whether the statement is within this format's limits."""
        balance = max(statement.opening_balance, statement.closing_balance)
        return (self.max_entries is None or statement.entry_count <= self.max_entries) and (
            self.max_balance is None or balance <= self.max_balance
        )
