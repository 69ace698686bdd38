"""Money: an integer in minor units, and an ISO 4217 code.

EUR 12.34 is ``1234``, JPY 500 is ``500`` and KWD 1.234 is ``1234``. The number of digits after the point is the
currency's *exponent* in ISO 4217.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

from iso4217 import Currency as IsoCurrency

MAX_AMOUNT: Final = 10**12
"""The largest amount of one movement, in minor units."""

MAX_BALANCE: Final = 2**53 - 1
"""The largest balance, in minor units: the largest integer that every JSON client reads exactly (RFC 8259 §6)."""

# Codes of ISO 4217 in which no account is held: metals, units of account, tests, "no currency"; and funds.
_NOT_MONEY: Final = frozenset("XXX XTS XAU XAG XPT XPD XBA XBB XBC XBD XDR XSU XUA XAD".split())
_FUNDS: Final = frozenset("BOV CHE CHW CLF COU MXV USN UYI UYW".split())


@dataclass(frozen=True, slots=True)
class Currency:
    """A currency: ISO 4217 ``code``, English ``name``, and ``exponent`` (number of digits after the point)."""

    code: str
    name: str
    exponent: int


@cache
def currencies() -> dict[str, Currency]:
    """Return every currency (ISO 4217) that an account may have, by code and in the order of the codes."""
    by_code = {
        c.code: Currency(c.code, c.currency_name, c.exponent)
        for c in IsoCurrency
        if c.exponent is not None and c.code not in _NOT_MONEY | _FUNDS
    }
    return dict(sorted(by_code.items()))


def exponent(code: str) -> int:
    """Return the number of digits after the point of a currency. Raises KeyError for an unknown currency."""
    return currencies()[code].exponent


def to_major(amount: int, code: str) -> str:
    """Return ``amount`` (minor units, may be negative) as a decimal in major units: ``1234, "EUR"`` → ``"12.34"``.

    Raises KeyError for an unknown currency.
    """
    digits = exponent(code)
    sign = "-" if amount < 0 else ""
    if digits == 0:
        return f"{sign}{abs(amount)}"
    whole, part = divmod(abs(amount), 10**digits)
    return f"{sign}{whole}.{part:0{digits}d}"


def from_major(text: str, code: str) -> int:
    """Return a decimal in major units as minor units: ``"12.3", "EUR"`` → ``1230``.

    Raises ValueError for a text that is no decimal or has more digits after the point than the currency, and
    KeyError for an unknown currency.
    """
    digits = exponent(code)
    whole, point, part = text.strip().partition(".")
    negative = whole.startswith("-")
    whole = whole.removeprefix("-")
    if not (whole.isascii() and whole.isdigit()) or (point and not (part.isascii() and part.isdigit())):
        raise ValueError(f"{text!r} is not an amount")
    if len(part) > digits:
        raise ValueError(f"{code} has {digits} decimal digits")
    minor: int = int(whole) * 10**digits + int(part.ljust(digits, "0") or "0")
    return -minor if negative else minor


def display(amount: int, code: str) -> str:
    """Return ``amount`` (minor units) as text for people: ``123456, "EUR"`` → ``"1,234.56 EUR"``.

    Raises KeyError for an unknown currency.
    """
    whole, point, part = to_major(abs(amount), code).partition(".")
    return f"{'-' if amount < 0 else ''}{int(whole):,}{point}{part} {code}"
