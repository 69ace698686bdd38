"""Sample statements, and the four figures that every reader must find in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from hypothesis import strategies as st

from bankapp.statement_formats import Entry, Statement, StatementAccount

IBAN = "DE89370400440532013000"
HOLDER = "Zoë Παπαδοπούλου-Иванова"
CREDITS = ("deposit", "transfer_in", "card_refund")
DEBITS = ("withdrawal", "transfer_out", "card_payment")

# Any text that the API accepts as a description: without NUL and lone surrogates.
descriptions = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=140)


class Figures(NamedTuple):
    """Three amounts in minor units, and the number of entries."""

    opening: int
    closing: int
    count: int
    total: int


def figures(statement: Statement) -> Figures:
    net = statement.total_credits - statement.total_debits
    return Figures(statement.opening_balance, statement.closing_balance, statement.entry_count, net)


def amount_at(index: int) -> int:
    """Return a signed amount for the entry at this index: three credits, then a debit, so no balance is negative."""
    size = 1 + (index * 7919) % 250_000
    return -min(size, 999) if index % 4 == 3 else size


def stream(count: int, opening: int, texts: Sequence[str | None]) -> Iterator[Entry]:
    balance = opening
    for index in range(count):
        signed = amount_at(index)
        balance += signed
        kinds = CREDITS if signed > 0 else DEBITS
        kind = kinds[index % len(kinds)]
        yield Entry(
            id=str(UUID(int=(index + 1) << 64 | 0x8000_0000_0000_0000 | index)),
            sequence=index + 1,
            type=kind,
            amount=abs(signed),
            direction=1 if signed > 0 else -1,
            balance_after=balance,
            description=texts[index % len(texts)],
            transfer_id=str(UUID(int=index + 7)) if kind.startswith("transfer") else None,
            created_at=datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=31) * index / count,
        )


def make_statement(
    count: int = 3,
    currency: str = "EUR",
    texts: Sequence[str | None] = ("Rent", None, "Ενοίκιο за март", "Grocery & Sons <shop>"),
    opening: int = 123_456,
    **account: str,
) -> Statement:
    """A statement for March 2026 whose entries can be read only once."""
    amounts = [amount_at(index) for index in range(count)]
    return Statement(
        account=StatementAccount(
            **{
                "id": "0195a1b2-0000-7000-8000-000000000001",
                "number": IBAN,
                "type": "checking",
                "currency": currency,
                "holder_name": HOLDER,
                **account,
            }
        ),
        from_date=date(2026, 3, 1),
        to_date=date(2026, 3, 31),
        opening_balance=opening,
        closing_balance=opening + sum(amounts),
        total_credits=sum(a for a in amounts if a > 0),
        total_debits=-sum(a for a in amounts if a < 0),
        entry_count=count,
        entries=stream(count, opening, texts),
        generated_at=datetime(2026, 4, 2, 9, 30, tzinfo=UTC),
    )
