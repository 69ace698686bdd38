"""What every statement format is written from: one account, one period, one stream of entries.

Amounts and balances are integers in minor units of the account's currency (ISO 4217).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time


class StatementMismatchError(RuntimeError):
    """The entries do not lead from the opening to the closing balance."""


@dataclass(frozen=True, slots=True)
class StatementAccount:
    """The account a statement is about. ``number`` is an IBAN (ISO 13616), ``bic`` a BIC (ISO 9362)."""

    id: str
    number: str
    type: str
    currency: str
    holder_name: str
    bank_name: str = "bankapp"
    # A 0 at the eighth place marks a BIC that is for tests, so this can never name a real bank.
    bic: str = "BANKDEF0XXX"


@dataclass(frozen=True, slots=True)
class Counterparty:
    """The other side of a transfer: name, account number (IBAN, ISO 13616) and its bank's BIC (ISO 9362)."""

    name: str
    number: str
    bic: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One booked movement: ``amount`` is positive, ``direction`` is +1 (credit) or -1 (debit)."""

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

    @property
    def signed_amount(self) -> int:
        """The amount as the balance felt it, in minor units: negative for a debit."""
        return self.amount * self.direction


@dataclass(frozen=True, slots=True)
class Statement:
    """A period of an account, both days included, in UTC.

    ``entries`` come oldest first and may be a stream that can be read only once.
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

    def __post_init__(self) -> None:
        """Refuse totals that do not add up: a bank must not hand out such a paper."""
        if self.opening_balance + self.total_credits - self.total_debits != self.closing_balance:
            raise StatementMismatchError("opening balance + credits - debits is not the closing balance")

    @property
    def as_of(self) -> datetime:
        """The time the closing balance holds at: the period's end, or now while the period still runs."""
        return min(self.generated_at, datetime.combine(self.to_date, time.max, UTC))

    def checked_entries(self) -> Iterator[Entry]:
        """Yield the entries, and raise StatementMismatchError as soon as one does not continue the balance.

        A stream that breaks off is noticed by whoever downloads it; a wrong total is not.
        """
        balance, count = self.opening_balance, 0
        for entry in self.entries:
            balance += entry.signed_amount
            count += 1
            if balance != entry.balance_after:
                raise StatementMismatchError(f"entry {entry.id} does not continue the balance")
            yield entry
        if balance != self.closing_balance or count != self.entry_count:
            raise StatementMismatchError("the entries do not lead to the closing balance")


@dataclass(frozen=True, slots=True)
class StatementFormat:
    """How a statement is written for one kind of reader.

    Above ``max_entries`` entries, or with an opening or closing balance above ``max_balance`` minor units,
    the format cannot or should not be written; None stands for no limit. ``write`` yields the file in
    chunks, and reads the entries only while it is asked for more.
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
