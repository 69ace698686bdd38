"""Converts amounts between decimals in major units, for people, and integers in minor units, for the API.

The bank's API says how many decimals a currency has. No amount is ever a float.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any, Final

import click

from bankapp.client.session import Session

FIELDS: Final = frozenset(
    "amount balance available_balance balance_after captured_amount opening_balance closing_balance"
    " total_credits total_debits per_authorization per_day used_today"
    " total credits debits net own_transfers_in own_transfers_out reversals".split()
)
"""The members of the bank's answers that are amounts of money."""

CACHED_SECONDS: Final = 24 * 3600

_PLAIN = re.compile(r"([0-9]{1,16})(?:\.([0-9]{1,8}))?")


class Currencies:
    """The currencies of the bank that ``session`` is signed in at."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._exponents: dict[str, int] = {}

    def exponent(self, code: str) -> int:
        """Return the number of decimals of ``code``. Raises UsageError if the bank does not have the currency."""
        if not self._exponents:
            self._exponents = self._load()
        if code not in self._exponents:
            raise click.UsageError(f"{code} is not a currency of this bank.")
        return self._exponents[code]

    def minor(self, text: str, code: str) -> int:
        """Parse a decimal in major units and return minor units: ``"12.3", "EUR"`` → ``1230``. Raises UsageError."""
        digits = self.exponent(code)
        found = _PLAIN.fullmatch(text.strip())
        if found is None:
            raise click.UsageError(f"{text!r} is not an amount; write it like 1234.56, without separators.")
        part = found[2] or ""
        if len(part) > digits:
            raise click.UsageError(f"{text} has too many decimals: {code} has {digits}.")
        return int(found[1] + part.ljust(digits, "0"))

    def major(self, amount: int, code: str) -> str:
        """Format minor units as a plain decimal: ``1230, "EUR"`` → ``"12.30"``."""
        digits = self.exponent(code)
        text = f"{abs(amount):0{digits + 1}d}"
        whole, part = (text[:-digits], text[-digits:]) if digits else (text, "")
        return f"{'-' if amount < 0 else ''}{whole}{'.' if part else ''}{part}"

    def display(self, amount: int, code: str) -> str:
        """Format minor units for a person: ``123456, "EUR"`` → ``"1,234.56 EUR"``."""
        whole, point, part = self.major(abs(amount), code).partition(".")
        return f"{'-' if amount < 0 else ''}{int(whole):,}{point}{part} {code}"

    def _load(self) -> dict[str, int]:
        profile, url = self._session.profile, self._session.bank.url
        cached = profile.cached("currencies")
        if not (cached and cached["url"] == url and 0 <= time.time() - cached["read_at"] < CACHED_SECONDS):
            items = self._session.page("/currencies")["items"]
            exponents = {item["code"]: item["exponent"] for item in items}
            cached = {"url": url, "read_at": time.time(), "exponents": exponents}
            profile.cache("currencies", cached)
        found: dict[str, int] = cached["exponents"]
        return found


def is_amount(document: Mapping[str, Any], name: str) -> bool:
    """Tell whether the member ``name`` of an answer is an amount of money."""
    return name in FIELDS and isinstance(document.get(name), int)


def currency_of(document: Mapping[str, Any]) -> str | None:
    """Return the currency of an answer's amounts: its ``currency``, or that of its ``account``."""
    account = document.get("account")
    fallback = account if isinstance(account, Mapping) else document
    code: str | None = document.get("currency") or fallback.get("currency")
    return code
