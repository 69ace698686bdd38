"""Formats the members of an answer for a person."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from rich.text import Text

from bankapp.client.money import Currencies, currency_of, is_amount

_COLOURS: Final = {
    "active": "green",
    "success": "green",
    "captured": "green",
    "pending": "yellow",
    "frozen": "yellow",
    "blocked": "yellow",
    "failure": "red",
    "closed": "dim",
    "terminated": "dim",
    "voided": "dim",
    "expired": "dim",
}
# Characters that could reverse, hide or overwrite other text on a terminal.
_HARMFUL: Final = ("Cc", "Cs")
_BIDIRECTIONAL: Final = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def cell(document: Mapping[str, Any], name: str, currencies: Currencies | None = None) -> Text:
    """Return the member ``name``, formatted for a person. A counterparty is shown by its name."""
    value = document.get(name)
    if value is None:
        return Text("–", "dim")
    currency = currency_of(document)
    if currencies and currency and is_amount(document, name):
        return Text(currencies.display(value, currency))
    if isinstance(value, Mapping):
        value = value.get("name", "–")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    text = clean(str(value))
    if name.endswith("_at"):
        text = text.replace("T", " ").partition(".")[0].removesuffix("Z")
    return Text(text, _COLOURS.get(text, "") if name == "status" else "")


def heading(name: str) -> str:
    """Return the heading of the member ``name``."""
    return name.removesuffix("_at").replace("_", " ")


def clean(text: str) -> str:
    """Replace the characters of untrusted text that could manipulate a terminal."""
    return "".join(
        "\ufffd" if (unicodedata.category(c) in _HARMFUL and c != "\n") or c in _BIDIRECTIONAL else c for c in text
    )
