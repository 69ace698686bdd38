from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given, settings

from bankapp.statement_formats import FORMATS
from bankapp.statement_formats.text import one_line
from tests.unit.statement_formats.readers import ofx_statement
from tests.unit.statement_formats.samples import IBAN, descriptions, make_statement


def test_account_period_and_transactions_are_read_back() -> None:
    statement = ofx_statement(b"".join(FORMATS["ofx"].write(make_statement(4, type="savings"))))
    assert (statement.account.acctid, statement.account.accttype) == (IBAN, "SAVINGS")
    assert statement.transactions.dtstart == datetime(2026, 3, 1, tzinfo=UTC)
    assert statement.ledgerbal.dtasof.date() == datetime(2026, 3, 31, tzinfo=UTC).date()
    # An importing program tells by this id what it has seen before.
    assert len({transaction.fitid for transaction in statement.transactions}) == 4
    first, second, *_ = statement.transactions
    assert (first.trntype, first.name, first.memo) == ("DEP", "Rent", "Deposit")
    assert (second.trntype, second.name) == ("XFER", "Transfer received")


def test_a_long_iban_keeps_its_end() -> None:
    number = "FR1420041010050500013M02606"
    statement = ofx_statement(b"".join(FORMATS["ofx"].write(make_statement(0, number=number))))
    assert statement.account.acctid == number[-22:]


@settings(max_examples=100, deadline=None)
@given(descriptions)
def test_a_description_is_read_back_whole(text: str) -> None:
    entry = ofx_statement(b"".join(FORMATS["ofx"].write(make_statement(1, texts=[text])))).transactions[0]
    wanted = one_line(text) or "Deposit"
    assert entry.name == wanted[:32].rstrip()
    if len(wanted) > 32:
        assert entry.memo == wanted
