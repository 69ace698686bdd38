"""Amounts as people type them."""

from __future__ import annotations

import re
from typing import Final

from bankapp import money

# A point or a comma before the decimals, whichever the keyboard has; blanks, and the other one, between thousands.
_TYPED: Final = re.compile(r"(?P<whole>\d{1,3}(?:[ ',.]\d{3})+|\d+)(?:[.,](?P<decimals>\d+))?", re.ASCII)


def parse(text: str, currency: str) -> int:
    """Read what was typed in major units as minor units: ``"1,234.5", "EUR"`` → ``123450``.

    A lone separator before exactly three digits could mean two amounts a thousand times apart. With three
    decimals it is the decimal point, with none it parts thousands, else it is refused. Raises ValueError with
    a sentence for the person.
    """
    typed = text.strip().replace("\N{NO-BREAK SPACE}", " ")
    digits = money.exponent(currency)
    found = _TYPED.fullmatch(typed)
    if found is None:
        raise ValueError(f"Write the amount like {example(currency)}.")
    whole, decimals = found["whole"], found["decimals"]
    separators = re.sub(r"\d", "", whole)
    if decimals is None and len(separators) == 1 and separators in ",.":
        if digits not in (0, 3):
            raise ValueError(f"Thousands or decimals? Write the amount like {example(currency)}.")
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
        raise ValueError("The amount must be more than nothing." if amount < 1 else "The amount is too large.")
    return amount


def read(text: str, currency: str, complaints: dict[str, str], name: str = "amount") -> int | None:
    """Return what was typed in minor units, or None with the reason in ``complaints``."""
    try:
        return parse(text, currency)
    except ValueError as problem:
        complaints[name] = str(problem)
        return None


def example(currency: str) -> str:
    """Return how an amount of ``currency`` is written: ``12.34``, ``12``, ``12.345``."""
    return money.to_major(int("12345"[: 2 + money.exponent(currency)]), currency)
