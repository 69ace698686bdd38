from __future__ import annotations

import pytest

from bankapp.web import amounts


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("12.34", "EUR", 1234),
        ("12,34", "EUR", 1234),
        ("12", "EUR", 1200),
        ("12.5", "EUR", 1250),
        (" 0.01 ", "EUR", 1),
        ("1,234.56", "EUR", 123456),
        ("1.234,56", "EUR", 123456),
        ("1 234 567", "EUR", 123456700),
        ("1'234.50", "CHF", 123450),
        ("1,234,567", "EUR", 123456700),
        ("500", "JPY", 500),
        ("1,500", "JPY", 1500),
        ("1.234", "KWD", 1234),
        ("1,234", "KWD", 1234),
        ("1", "KWD", 1000),
        ("10000000000", "EUR", 10**12),
    ],
)
def test_a_typed_amount_is_read(typed: str, currency: str, minor: int) -> None:
    assert amounts.parse(typed, currency) == minor


@pytest.mark.parametrize(
    ("typed", "currency"),
    [
        ("1,234", "EUR"),  # may be 1.234 or 1,234
        ("1.234", "EUR"),
        ("12.345", "EUR"),
        ("1,234,56", "EUR"),
        ("1,234.567.8", "EUR"),
        ("12.3456", "KWD"),
        ("5.0", "JPY"),
        ("-5", "EUR"),
        ("+5", "EUR"),
        ("1e3", "EUR"),
        ("0", "EUR"),
        ("0.00", "EUR"),
        ("", "EUR"),
        ("twelve", "EUR"),
        ("١٢", "EUR"),
        ("10000000000.01", "EUR"),
        ("9" * 40, "EUR"),
    ],
)
def test_an_ambiguous_amount_is_refused(typed: str, currency: str) -> None:
    with pytest.raises(ValueError, match=r"\.$"):
        amounts.parse(typed, currency)
