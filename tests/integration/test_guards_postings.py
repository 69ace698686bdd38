"""Database guards of postings: raw SQL cannot store a one-sided, unbalanced, out-of-order or late one."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bankapp import ids
from tests.support.handwritten import Books, insert

Attempt = Callable[[Books, str], list[str]]


def moved(books: Books, posting: str, kind: str = "transfer", reverses: str = "", **changed: object) -> list[str]:
    """Return a sound transfer of one cent from ``a`` to ``b``, with the transfer's row ``changed``."""
    return [
        books.transfer(posting, books.a, books.b, 1, reverses, **changed),
        books.leg(posting, books.a, "transfer_out"),
        books.leg(posting, books.b, "transfer_in"),
        books.posting(posting, kind),
    ]


def reversal(books: Books, posting: str, original: str, amount: int = 500) -> list[str]:
    return [
        books.transfer(posting, books.b, books.a, amount, original),
        books.leg(posting, books.b, "transfer_out", amount),
        books.leg(posting, books.a, "transfer_in", amount),
        books.posting(posting, "reversal"),
    ]


CONTINUES = "the leg does not continue its account"
UNBALANCED = "the legs of a posting sum to zero"
TWO_LEGS = "a transfer has exactly its two legs"
COUNTER_LEG = "a movement has its leg and the counter-leg"

ATTEMPTS: dict[str, tuple[Attempt, str]] = {
    "legs without their posting": (lambda b, p: b.deposit(p)[:2], "(?i)foreign key"),
    "a posting without legs": (lambda b, p: [b.posting(p, "deposit")], UNBALANCED),
    "a one-sided posting": (lambda b, p: [b.deposit(p)[0], b.posting(p, "deposit")], UNBALANCED),
    "a cash leg alone": (lambda b, p: [b.leg(p, b.cash, "cash_paid"), b.posting(p, "withdrawal")], UNBALANCED),
    "an unbalanced posting": (
        lambda b, p: [b.leg(p, b.a, "deposit", 2), b.leg(p, b.cash, "cash_received", 1), b.posting(p, "deposit")],
        UNBALANCED,
    ),
    "euros against dollars": (
        lambda b, p: [
            b.leg(p, b.a, "deposit"),
            b.leg(p, b.usd_cash, "cash_received", currency="USD", sequence=None, balance_after=None),
            b.posting(p, "deposit"),
        ],
        UNBALANCED,
    ),
    "money between customers as a deposit": (
        lambda b, p: [b.leg(p, b.a, "deposit"), b.leg(p, b.b, "withdrawal"), b.posting(p, "deposit")],
        COUNTER_LEG,
    ),
    "a deposit posted as a withdrawal": (
        lambda b, p: [*b.deposit(p)[:2], b.posting(p, "withdrawal")],
        COUNTER_LEG,
    ),
    "two deposits in one posting": (
        lambda b, p: [
            *b.deposit(p)[:2],
            b.leg(p, b.b, "deposit"),
            b.leg(p, b.cash, "cash_received"),
            b.posting(p, "deposit"),
        ],
        COUNTER_LEG,
    ),
    "a leg at another time than its posting": (
        lambda b, p: [*b.deposit(p)[:2], b.posting(p, "deposit", created_at="2020-01-01T00:00:00.000000Z")],
        COUNTER_LEG,
    ),
    "a leg for a sealed posting": (lambda b, _: [b.leg(b.deposit_id, b.a, "deposit")], "the posting is sealed"),
    "a cash leg for a sealed posting": (
        lambda b, _: [b.leg(b.deposit_id, b.cash, "cash_paid")],
        "the posting is sealed",
    ),
    "a leg after its posting": (
        lambda b, p: [*b.deposit(p), b.leg(p, b.b, "deposit")],
        "the posting is sealed",
    ),
    "a leg on a frozen account": (lambda b, p: [b.leg(p, b.frozen, "deposit")], CONTINUES),
    "a leg on a closed account": (lambda b, p: [b.leg(p, b.closed, "deposit")], CONTINUES),
    "a leg in another currency": (lambda b, p: [b.leg(p, b.usd, "deposit")], CONTINUES),
    "a gap in the sequence": (lambda b, p: b.deposit(p, ahead=1, balance_after=10_001), CONTINUES),
    "a sequence that is taken": (lambda b, p: b.deposit(p, sequence=1), "(?i)unique|row exists"),
    "a wrong balance after": (lambda b, p: b.deposit(p, balance_after=999_999), CONTINUES),
    "a time before the last one": (
        lambda b, p: b.deposit(p, created_at="2020-01-01T00:00:00.000000Z"),
        CONTINUES,
    ),
    "more than there is": (lambda b, p: [b.leg(p, b.b, "withdrawal", 501)], "balance_range"),
    "a negative amount": (lambda b, p: b.deposit(p, -5), "amount_range"),
    "an amount of nothing": (lambda b, p: b.deposit(p, 0), "amount_range"),
    "a deposit that takes": (lambda b, p: b.deposit(p, direction=-1), "direction"),
    "a customer's leg without sequence": (
        lambda b, p: [b.leg(p, b.a, "deposit", sequence=None, balance_after=None)],
        "cash_has_no_sequence",
    ),
    "a cash leg on a customer's account": (
        lambda b, p: [b.leg(p, b.a, "cash_paid", sequence=None, balance_after=None)],
        "belongs on the cash account",
    ),
    "a cash leg in another currency": (
        lambda b, p: [b.leg(p, b.usd_cash, "cash_paid", sequence=None, balance_after=None)],
        "belongs on the cash account",
    ),
    "a customer's leg on the cash account": (
        lambda b, p: [b.leg(p, b.cash, "deposit", sequence=1, balance_after=1)],
        CONTINUES,
    ),
    "a leg on no account": (
        lambda b, p: [b.leg(p, b.cash, "cash_paid", account_id=ids.new())],
        "cash account|foreign",
    ),
    "a leg of no known type": (lambda b, p: b.deposit(p, type="gift"), "ck_transactions_"),
    "a transfer without legs": (
        lambda b, p: [b.transfer(p, b.a, b.b), b.posting(p, "transfer")],
        UNBALANCED,
    ),
    "a transfer without posting": (lambda b, p: [b.transfer(p, b.a, b.b)], "(?i)foreign key"),
    "a transfer row for a deposit made before": (
        lambda b, _: [b.transfer(b.deposit_id, b.a, b.b)],
        "the posting is sealed|a transfer is posted as one",
    ),
    "a transfer row beside a deposit": (
        lambda b, p: [b.transfer(p, b.a, b.b), *b.deposit(p)],
        "a transfer is posted as one",
    ),
    "a transfer with a deposit's legs": (
        lambda b, p: [b.transfer(p, b.a, b.b), *b.deposit(p)[:2], b.posting(p, "transfer")],
        TWO_LEGS,
    ),
    "transfer legs without a transfer": (lambda b, p: moved(b, p)[1:], "(?i)foreign key"),
    "a transfer of another amount than its legs": (lambda b, p: moved(b, p, amount=2), TWO_LEGS),
    "a transfer the wrong way round": (
        lambda b, p: moved(b, p, from_account_id=b.b, to_account_id=b.a),
        TWO_LEGS,
    ),
    "a transfer to a third account": (lambda b, p: moved(b, p, to_account_id=b.frozen), TWO_LEGS),
    "a transfer in another currency": (lambda b, p: moved(b, p, currency="USD"), TWO_LEGS),
    "a transfer made after it was posted": (
        lambda b, p: moved(b, p, created_at="2999-01-01T00:00:00.000000Z"),
        TWO_LEGS,
    ),
    "a transfer to itself": (lambda b, p: [b.transfer(p, b.a, b.a)], "two_accounts"),
    "a transfer posted as a reversal": (lambda b, p: moved(b, p, "reversal"), TWO_LEGS),
    "a reversal posted as a transfer": (
        lambda b, p: [*reversal(b, p, b.transfer_id)[:3], b.posting(p, "transfer")],
        TWO_LEGS,
    ),
    "a reversal of another amount": (lambda b, p: reversal(b, p, b.transfer_id, 499), TWO_LEGS),
    "a reversal the same way again": (lambda b, p: moved(b, p, "reversal", b.transfer_id), TWO_LEGS),
    "a reversal of nothing": (lambda b, p: reversal(b, p, p), TWO_LEGS),
    "a reversal twice in one transaction": (
        lambda b, p: [*reversal(b, p, b.transfer_id), *reversal(b, ids.new(), b.transfer_id)],
        "(?i)unique|row exists",
    ),
    "a posting of no known kind": (lambda b, p: [*b.deposit(p)[:2], b.posting(p, "gift")], "ck_postings_kind"),
}


@pytest.mark.parametrize("name", ATTEMPTS)
def test_an_unsound_posting_is_refused(books: Books, name: str) -> None:
    statements, reason = ATTEMPTS[name]
    before = totals(books)
    answer = books.raw.answer(*statements(books, ids.new()))
    assert re.search(reason, answer), answer
    assert totals(books) == before


def test_a_sound_posting_is_stored(books: Books) -> None:
    before = totals(books)
    books.raw.run(*books.deposit(ids.new(), 7))
    assert totals(books)[0] == before[0] + 7


def test_each_row_of_one_statement_is_checked(books: Books) -> None:
    posting = ids.new()
    first, second = (books.leg_row(posting, books.a, "deposit", 1, ahead) for ahead in (0, 1))
    together = insert("transactions", first) + insert("transactions", second).partition(" VALUES")[2].join([",", ""])
    answer = books.raw.answer(together, books.posting(posting, "deposit"))
    assert UNBALANCED in answer
    second["sequence"] += 1
    together = insert("transactions", first) + insert("transactions", second).partition(" VALUES")[2].join([",", ""])
    assert CONTINUES in books.raw.answer(together)


def test_a_reversal_cannot_be_reversed(books: Books) -> None:
    original, back = ids.new(), ids.new()
    books.raw.run(*moved(books, original))
    books.raw.run(*reversal(books, back, original, 1))
    assert TWO_LEGS in books.raw.answer(*moved(books, ids.new(), "reversal", back))
    again = books.raw.answer(*reversal(books, ids.new(), original, 1))
    assert "unique" in again.lower() or "row exists" in again


def totals(books: Books) -> tuple[int, ...]:
    [sums] = books.raw.rows(
        "SELECT (SELECT sum(balance) FROM accounts), (SELECT count(*) FROM transactions),"
        " (SELECT count(*) FROM transfers), (SELECT count(*) FROM postings)"
    )
    return tuple(int(value) for value in sums)
