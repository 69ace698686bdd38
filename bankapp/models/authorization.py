"""Card authorizations: holds on accounts until they are captured, voided or expired."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from bankapp import clock
from bankapp.models.types import Id, Model, PrimaryKey, UtcDateTime, one_of
from bankapp.money import MAX_AMOUNT

PENDING: Final = "pending"
CAPTURED: Final = "captured"
VOIDED: Final = "voided"
EXPIRED: Final = "expired"
DECLINED: Final = "declined"
STATUSES: Final = (PENDING, CAPTURED, VOIDED, EXPIRED, DECLINED)

_IS_PENDING: Final = text(f"status = '{PENDING}'")


class Authorization(Model):
    """A merchant's right to take ``amount`` from an account. ``amount`` and ``captured_amount`` are minor units.

    A pending authorization is a hold. Triggers keep the account's ``held`` equal to the sum of its holds. An
    authorization ends once. ``posting_id`` is the posting of its capture; ``decline_reason`` is the reason of a
    declined authorization, which never was a hold.
    """

    __tablename__ = "authorizations"
    __table_args__ = (
        one_of("status", *STATUSES),
        CheckConstraint(f"amount BETWEEN 1 AND {MAX_AMOUNT}", name="amount_range"),
        CheckConstraint("captured_amount BETWEEN 0 AND amount", name="captured_within_hold"),
        CheckConstraint(f"(status = '{CAPTURED}') = (captured_amount > 0)", name="captured_has_amount"),
        CheckConstraint(f"(status = '{CAPTURED}') = (posting_id IS NOT NULL)", name="captured_has_posting"),
        CheckConstraint(f"(status = '{PENDING}') = (finished_at IS NULL)", name="pending_is_not_finished"),
        CheckConstraint(f"(status = '{DECLINED}') = (decline_reason IS NOT NULL)", name="declined_has_reason"),
        CheckConstraint(f"(status = '{DECLINED}') = (expires_at IS NULL)", name="declined_never_expires"),
        UniqueConstraint("posting_id"),
        Index(None, "card_id", "created_at", "id"),
        # For the holds of one account, and for the overdue holds of all accounts.
        Index(None, "account_id", "expires_at", postgresql_where=_IS_PENDING, sqlite_where=_IS_PENDING),
        Index(None, "expires_at", postgresql_where=_IS_PENDING, sqlite_where=_IS_PENDING),
    )

    id: Mapped[PrimaryKey]
    card_id: Mapped[str] = mapped_column(Id, ForeignKey("cards.id"))
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"))
    amount: Mapped[int] = mapped_column(BigInteger)
    captured_amount: Mapped[int] = mapped_column(BigInteger)
    currency: Mapped[str] = mapped_column(String(3))
    merchant: Mapped[str] = mapped_column(String(140))
    status: Mapped[str] = mapped_column(String(16))
    decline_reason: Mapped[str | None] = mapped_column(String(32))
    posting_id: Mapped[str | None] = mapped_column(Id, ForeignKey("postings.id", deferrable=True, initially="DEFERRED"))
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AuthorizationRecord(NamedTuple):
    """An authorization as it was read, with the user who owns its card; amounts are minor units."""

    id: str
    card_id: str
    account_id: str
    amount: int
    captured_amount: int
    currency: str
    merchant: str
    status: str
    decline_reason: str | None
    posting_id: str | None
    expires_at: datetime | None
    created_at: datetime
    finished_at: datetime | None
    user_id: str

    @property
    def is_overdue(self) -> bool:
        """Whether the hold has expired and is not yet released."""
        return self.status == PENDING and self.expires_at is not None and self.expires_at <= clock.now()

    @property
    def effective_status(self) -> str:
        """The status at this time: an overdue hold counts as expired before its release."""
        return EXPIRED if self.is_overdue else self.status

    @property
    def effective_finished_at(self) -> datetime | None:
        """The time at which the authorization ended, or None while it is pending."""
        return self.expires_at if self.is_overdue else self.finished_at
