"""Parses amounts that people type."""

from __future__ import annotations

import re
from typing import Final

from bankapp import money
from bankapp.web import locales

# What some locales write for a space or an apostrophe.
_SEPARATORS: Final = str.maketrans({"\N{NO-BREAK SPACE}": " ", "\N{NARROW NO-BREAK SPACE}": " ", "’": "'"})

# A point or a comma separates the decimals. A space, an apostrophe or the other of the two separates thousands; in
# India a comma also separates the hundreds of thousands and of what is above.
_WHOLE: Final = r"\d{1,3}(?:[ ',.]\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}|\d+"
_TYPED: Final = re.compile(rf"(?P<whole>{_WHOLE})(?:[.,](?P<decimals>\d+))?", re.ASCII)


def parse(text: str, currency: str) -> int:
    """Parse an amount in major units and return minor units: ``"1,234.5", "EUR"`` → ``123450``.

    Raises ValueError with a sentence for the person.

    A single separator before exactly three digits is ambiguous: ``1,234`` may be 1.234 or 1234. In a currency with
    three decimals it is the decimal point. In a currency without decimals it separates thousands. In any other
    currency the amount is refused.
    """
    typed = text.strip().translate(_SEPARATORS)
    digits = money.exponent(currency)
    found = _TYPED.fullmatch(typed)
    if found is None:
        raise ValueError(f"Write the amount like {example(currency)}.")
    whole, decimals = found["whole"], found["decimals"]
    separators = re.sub(r"\d", "", whole)
    if decimals is None and len(separators) == 1 and separators in ",.":
        if digits not in (0, 3):
            raise ValueError(f"The separator can be read in two ways. Write the amount like {example(currency)}.")
        if digits == 3:
            whole, decimals = re.split(r"[.,]", whole)
            separators = ""
    if len(set(separators)) > 1 or (decimals and separators and typed[len(whole)] == separators[0]):
        raise ValueError(f"Write the amount like {example(currency)}.")
    if decimals and len(decimals) > digits:
        allowed = f"at most {digits} decimals" if digits else "no decimals"
        raise ValueError(f"{currency} has {allowed}.")
    amount = money.from_major(re.sub(r"\D", "", whole) + (f".{decimals}" if decimals else ""), currency)
    if not 1 <= amount <= money.MAX_AMOUNT:
        raise ValueError("The amount must be more than zero." if amount < 1 else "The amount is too large.")
    return amount


def read(text: str, currency: str, complaints: dict[str, str], name: str = "amount") -> int | None:
    """Return the amount in minor units, or None after adding the reason to ``complaints``."""
    try:
        return parse(text, currency)
    except ValueError as problem:
        complaints[name] = str(problem)
        return None


def example(currency: str) -> str:
    """Return an example of an amount in ``currency``: ``12.34``, ``12``, ``12.345``."""
    return localized(int("12345"[: 2 + money.exponent(currency)]), currency)


def localized(amount: int, currency: str) -> str:
    """Return ``amount`` (minor units) as people type it, with the viewer's decimal point: ``1234.5``."""
    return money.to_major(amount, currency).replace(".", locales.decimal_point())
