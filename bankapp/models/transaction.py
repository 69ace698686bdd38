"""The ledger: postings, their legs (transactions), and transfers. Its rows are never changed or deleted."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from bankapp.models.annotation import Remarks
from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime, one_of
from bankapp.money import MAX_AMOUNT, MAX_BALANCE
from bankapp.payee_names import CLOSE_MATCH, MATCH, NO_MATCH

CREDIT: Final = 1
DEBIT: Final = -1

DIRECTIONS: Final = {
    "deposit": CREDIT,
    "withdrawal": DEBIT,
    "transfer_in": CREDIT,
    "transfer_out": DEBIT,
    "card_purchase": DEBIT,
}
"""Type of a transaction on a customer's account → whether it adds (1) or takes (-1)."""

CASH_DIRECTIONS: Final = {"cash_received": DEBIT, "cash_paid": CREDIT, "card_settlement": CREDIT}
"""Type of a counter-leg on the bank's cash account → its direction. A deposit credits the customer and debits cash."""

CASH_NAME: Final = "Cash"
"""The name of the other side of a deposit or withdrawal."""

POSTING_KINDS: Final = ("deposit", "withdrawal", "transfer", "reversal", "card_purchase")

PAYEE_VERIFICATIONS: Final = (MATCH, CLOSE_MATCH, NO_MATCH, "not_possible")
"""What the verification of a transfer's payee may have come to."""

_CREDITS = ", ".join(f"'{name}'" for name, direction in (DIRECTIONS | CASH_DIRECTIONS).items() if direction == CREDIT)
_CASH = ", ".join(f"'{name}'" for name in CASH_DIRECTIONS)


class Counterparty(NamedTuple):
    """The other side of a transaction, as it was when the transaction was made.

    ``name`` is the name of an account holder or merchant, or ``Cash``. ``account_number`` is an IBAN (ISO 13616), or
    None for merchants and cash.
    """

    name: str
    account_number: str | None


class Posting(Model):
    """One balanced movement. Its insertion seals the legs with its id: no further leg is accepted."""

    __tablename__ = "postings"
    __table_args__ = (one_of("kind", *POSTING_KINDS),)

    id: Mapped[PrimaryKey]
    kind: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Transfer(Model):
    """A movement of ``amount`` minor units between two accounts. Its id is the id of its posting.

    ``payee_verification`` is what the payer was told of the payee's name, null without a verification.
    """

    __tablename__ = "transfers"
    __table_args__ = (
        one_of("payee_verification", *PAYEE_VERIFICATIONS),
        CheckConstraint(f"amount BETWEEN 1 AND {MAX_AMOUNT}", name="amount_range"),
        CheckConstraint("from_account_id <> to_account_id", name="two_accounts"),
        UniqueConstraint("reverses_transfer_id"),
        Index(None, "from_account_id", "created_at", "id"),
        Index(None, "to_account_id", "created_at", "id"),
        Index(None, "from_account_id", "to_account_id", "created_at"),
    )

    id: Mapped[str] = mapped_column(
        Id, ForeignKey("postings.id", deferrable=True, initially="DEFERRED"), primary_key=True
    )
    from_account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"))
    to_account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    description: Mapped[str | None] = mapped_column(String(140))
    reverses_transfer_id: Mapped[str | None] = mapped_column(Id, ForeignKey("transfers.id"))
    payee_verification: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)


class TransferRecord(NamedTuple):
    """A transfer as one of its sides sees it; ``amount`` is minor units.

    The counterparty is the payee for the payer, and the payer for the payee. It is stored on the transaction of the
    side, with ``reference`` and ``end_to_end_id``.
    """

    id: str
    from_account_id: str
    to_account_id: str
    amount: int
    currency: str
    description: str | None
    reverses_transfer_id: str | None
    reversed_by_transfer_id: str | None
    payee_verification: str | None
    created_at: datetime
    counterparty_name: str | None
    counterparty_account_number: str | None
    reference: str | None
    end_to_end_id: str | None

    @property
    def counterparty(self) -> Counterparty | None:
        """The other side, or None for a transfer that a release without counterparties made."""
        return _counterparty(self.counterparty_name, self.counterparty_account_number)


class Transaction(Model):
    """One leg of a posting: ``amount`` minor units that an account receives (``direction`` 1) or gives (-1).

    ``sequence`` numbers the transactions of an account without gaps, and orders its history. ``balance_after`` is
    the previous one plus or minus ``amount``. Legs on cash accounts have neither.

    The counterparty is the other side by its name and account number of the time of the posting; ``reference`` and
    ``end_to_end_id`` come from the payer. A release before them left the four null. Legs on cash accounts have no
    counterparty.
    """

    __tablename__ = "transactions"
    __table_args__ = (
        one_of("type", *DIRECTIONS, *CASH_DIRECTIONS),
        CheckConstraint(f"direction = CASE WHEN type IN ({_CREDITS}) THEN 1 ELSE -1 END", name="direction"),
        CheckConstraint(f"amount BETWEEN 1 AND {MAX_AMOUNT}", name="amount_range"),
        CheckConstraint(f"balance_after BETWEEN 0 AND {MAX_BALANCE}", name="balance_range"),
        CheckConstraint("(sequence IS NULL) = (balance_after IS NULL)", name="sequence_with_balance"),
        CheckConstraint(f"(sequence IS NULL) = (type IN ({_CASH}))", name="cash_has_no_sequence"),
        CheckConstraint("transfer_id IS NULL OR transfer_id = posting_id", name="transfer_is_posting"),
        CheckConstraint("(transfer_id IS NOT NULL) = (type IN ('transfer_in', 'transfer_out'))", name="transfer_type"),
        UniqueConstraint("account_id", "sequence"),
        Index(None, "account_id", "created_at", "sequence"),
        Index(None, "created_at", "account_id", "sequence"),
        Index(None, "posting_id"),
    )

    id: Mapped[PrimaryKey]
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"))
    posting_id: Mapped[str] = mapped_column(Id, ForeignKey("postings.id", deferrable=True, initially="DEFERRED"))
    transfer_id: Mapped[str | None] = mapped_column(Id, ForeignKey("transfers.id"))
    type: Mapped[str] = mapped_column(String(16))
    direction: Mapped[int] = mapped_column(SmallInteger)
    amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    balance_after: Mapped[int | None] = mapped_column(BigInteger)
    description: Mapped[str | None] = mapped_column(String(140))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    counterparty_name: Mapped[str | None] = mapped_column(String(201))
    counterparty_account_number: Mapped[str | None] = mapped_column(String(34))
    reference: Mapped[str | None] = mapped_column(String(35))
    end_to_end_id: Mapped[str | None] = mapped_column(String(35))


class TransactionRecord(NamedTuple):
    """A transaction of a customer's account that was read or made; amounts are minor units.

    ``category``, ``notes`` and ``tags`` are the reader's annotation; they are None for everybody but the owner.
    """

    id: str
    account_id: str
    posting_id: str
    transfer_id: str | None
    type: str
    direction: int
    amount: int
    currency: str
    sequence: int
    balance_after: int
    description: str | None
    created_at: datetime
    counterparty_name: str | None
    counterparty_account_number: str | None
    reference: str | None
    end_to_end_id: str | None
    user_id: str
    category: str | None = None
    notes: str | None = None
    tags: list[str] | None = None

    @property
    def counterparty(self) -> Counterparty | None:
        """The other side, or None for a transaction that a release without counterparties made."""
        return _counterparty(self.counterparty_name, self.counterparty_account_number)

    @property
    def annotation(self) -> Remarks | None:
        """The owner's annotation, or None where it is empty."""
        if self.category is None and self.notes is None and not self.tags:
            return None
        return Remarks(self.category, self.notes, self.tags or [])


def _counterparty(name: str | None, account_number: str | None) -> Counterparty | None:
    return None if name is None else Counterparty(name, account_number)
