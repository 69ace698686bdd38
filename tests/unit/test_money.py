"""Money: minor units, the digits of each currency, and how amounts are read and written."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bankapp import money

CODES = st.sampled_from(sorted(money.currencies()))
AMOUNTS = st.integers(-money.MAX_BALANCE, money.MAX_BALANCE)


# Currencies


@pytest.mark.parametrize(
    ("codes", "digits"),
    [
        ("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF", 0),
        ("AUD BRL CAD CHF CNY DKK EUR GBP HUF INR MXN NOK PLN SEK TRY USD XCD ZAR", 2),
        ("BHD IQD JOD KWD LYD OMR TND", 3),
    ],
)
def test_a_currency_has_the_digits_of_iso_4217(codes: str, digits: int) -> None:
    assert {code: money.exponent(code) for code in codes.split()} == dict.fromkeys(codes.split(), digits)


def test_there_are_no_currencies_with_other_digits() -> None:
    # Pages and statement formats were written for these.
    assert {currency.exponent for currency in money.currencies().values()} == {0, 2, 3}


@pytest.mark.parametrize(
    "code", "XXX XTS XAU XAG XPT XPD XBA XBB XBC XBD XDR XSU XUA BOV CHE CHW CLF COU MXV USN UYI UYW".split()
)
def test_no_account_is_held_in_metals_funds_and_tests(code: str) -> None:
    assert code not in money.currencies()


def test_currencies_are_listed_by_code() -> None:
    found = money.currencies()
    assert list(found) == sorted(found)
    assert {code: currency.code for code, currency in found.items()} == {code: code for code in found}
    assert found["EUR"] == money.Currency("EUR", "Euro", 2)


@pytest.mark.parametrize("code", ["", "eur", "EURO", "ZZZ", "XXX"])
def test_an_unknown_currency_is_an_error(code: str) -> None:
    for ask in (money.exponent, lambda code: money.to_major(1, code), lambda code: money.from_major("1", code)):
        with pytest.raises(KeyError):
            ask(code)


# Bounds


def test_the_bounds_are_those_of_the_contract() -> None:
    assert money.MAX_AMOUNT == 1_000_000_000_000
    assert money.MAX_BALANCE == 9_007_199_254_740_991


def test_the_largest_balance_is_the_last_that_a_double_tells_from_its_neighbours() -> None:
    assert int(float(money.MAX_BALANCE)) == money.MAX_BALANCE
    assert float(money.MAX_BALANCE + 1) == float(money.MAX_BALANCE + 2)


# Written and read


@pytest.mark.parametrize(
    ("amount", "code", "major", "shown"),
    [
        (0, "EUR", "0.00", "0.00 EUR"),
        (5, "EUR", "0.05", "0.05 EUR"),
        (-5, "EUR", "-0.05", "-0.05 EUR"),
        (100, "EUR", "1.00", "1.00 EUR"),
        (123_456, "EUR", "1234.56", "1,234.56 EUR"),
        (-123_456, "EUR", "-1234.56", "-1,234.56 EUR"),
        (500, "JPY", "500", "500 JPY"),
        (-1_000, "JPY", "-1000", "-1,000 JPY"),
        (1_234, "KWD", "1.234", "1.234 KWD"),
        (7, "KWD", "0.007", "0.007 KWD"),
        (10**12, "EUR", "10000000000.00", "10,000,000,000.00 EUR"),
        (2**53 - 1, "EUR", "90071992547409.91", "90,071,992,547,409.91 EUR"),
    ],
)
def test_an_amount_is_written_with_its_digits(amount: int, code: str, major: str, shown: str) -> None:
    assert money.to_major(amount, code) == major
    assert money.display(amount, code) == shown
    assert money.from_major(major, code) == amount


@pytest.mark.parametrize(
    ("text", "code", "amount"),
    [
        ("12", "EUR", 1_200),
        ("12.3", "EUR", 1_230),
        ("12.30", "EUR", 1_230),
        ("012.30", "EUR", 1_230),
        (" 12.30\n", "EUR", 1_230),
        ("-0.01", "EUR", -1),
        ("-0", "EUR", 0),
        ("1", "KWD", 1_000),
        ("1.2", "KWD", 1_200),
        ("12", "JPY", 12),
    ],
)
def test_an_amount_may_be_written_short(text: str, code: str, amount: int) -> None:
    assert money.from_major(text, code) == amount


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "EUR"),
        (" ", "EUR"),
        ("-", "EUR"),
        (".", "EUR"),
        ("1.", "EUR"),
        (".5", "EUR"),
        ("-.5", "EUR"),
        ("1.2.3", "EUR"),
        ("--1", "EUR"),
        ("+1", "EUR"),
        ("- 1", "EUR"),
        ("1.-5", "EUR"),
        ("1 000", "EUR"),
        ("1_000", "EUR"),
        ("1,000.00", "EUR"),
        ("12,30", "EUR"),
        ("1e3", "EUR"),
        ("0x10", "EUR"),
        ("NaN", "EUR"),
        ("Infinity", "EUR"),
        ("12 EUR", "EUR"),
        ("١٢", "EUR"),  # digits of another script
        ("1.²", "EUR"),
        ("12.345", "EUR"),
        ("12.340", "EUR"),
        ("12.0", "JPY"),
        ("12.", "JPY"),
        ("1.2345", "KWD"),
        ("9" * 5_000, "EUR"),
    ],
)
def test_what_is_no_amount_of_the_currency_is_refused(text: str, code: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the type is the promise
        money.from_major(text, code)


@given(AMOUNTS, CODES)
def test_reading_gives_back_what_was_written(amount: int, code: str) -> None:
    written = money.to_major(amount, code)
    assert money.from_major(written, code) == amount
    assert Decimal(written) == Decimal(amount).scaleb(-money.exponent(code))
    assert -Decimal(written).as_tuple().exponent == money.exponent(code)  # type: ignore[operator]


@given(AMOUNTS, CODES)
def test_an_amount_for_a_person_has_groups_of_three_and_its_code(amount: int, code: str) -> None:
    shown = money.display(amount, code)
    assert shown.replace(",", "") == f"{money.to_major(amount, code)} {code}"
    assert re.fullmatch(rf"-?\d{{1,3}}(,\d{{3}})*(\.\d+)? {code}", shown)


@given(st.text(alphabet="0123456789.-+,eE_ ٣", max_size=12), CODES)
@example("-0.5", "EUR")
def test_text_is_read_exactly_or_refused(text: str, code: str) -> None:
    try:
        amount = money.from_major(text, code)
    except ValueError:
        return
    assert Decimal(amount).scaleb(-money.exponent(code)) == Decimal(text)


@given(st.from_regex(r"\A-?[0-9]{1,12}(\.[0-9]{1,4})?\Z"), CODES)
def test_no_plain_decimal_of_few_enough_digits_is_refused(text: str, code: str) -> None:
    assume(len(text.partition(".")[2]) <= money.exponent(code))
    assert money.from_major(text, code) == Decimal(text).scaleb(money.exponent(code))
