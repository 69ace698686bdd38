"""Transliterates text to the SWIFT x character set, the only one that MT messages may use."""

# ruff: noqa: RUF001 (this module maps letters that look alike)

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

# Set x also has braces. They are left out because they delimit the blocks of a message.
_X: Final = re.compile(r"[A-Za-z0-9/\-?:().,'+ ]")

_UNKNOWN: Final = "."

_SEPARATORS: Final = str.maketrans({"?": ".", "+": ".", ":": ".", "/": "-"})

EMPTY_LABELS: Final = (" BIC", " IBAN")
"""The labels that the reader mt-940 drops at the end of a subfield."""


def _pairs(text: str) -> dict[str, str]:
    words = text.split()
    return dict(zip(words[::2], words[1::2], strict=True))


# Only lower-case letters: an upper-case letter gets the same text, capitalized.
# Letters that Unicode decomposes (é, ü, ё) need no entry.
_LETTERS: Final = {
    **_pairs("ß ss æ ae ø oe å aa œ oe đ d ð d þ th ł l ı i € EUR & + @ (at) _ - % pct"),
    **_pairs("‐ - ‑ - ‒ - – - — - − - ‘ ' ’ ' ‚ ' “ ' ” ' „ ' « ' » ' ` ' ´ ' \" ' ; , ! . [ ( ] ) { ( } )"),
    **_pairs("α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s"),
    **_pairs("τ t υ y φ f χ ch ψ ps ω o"),
    **_pairs("а a б b в v г g д d е e ж zh з z и i й y к k л l м m н n о o п p р r с s т t у u ф f"),
    **_pairs("х kh ц ts ч ch ш sh щ shch ы y э e ю yu я ya є ye і i ї yi ґ g ј j љ lj њ nj ћ c ђ dj џ dz"),
    "ъ": "",
    "ь": "",
}


@lru_cache(maxsize=4096)
def _letter(char: str) -> str:
    if _X.fullmatch(char):
        return char
    if char in _LETTERS:
        return _LETTERS[char]
    if char.lower() in _LETTERS:
        return _LETTERS[char.lower()].capitalize()
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return ""
    parts = unicodedata.normalize("NFKD", char)
    return _UNKNOWN if parts == char else "".join(map(_letter, parts))


def swift_x(text: str) -> str:
    """Transliterate ``text`` to set x. A character without a counterpart becomes a full stop."""
    return "".join(map(_letter, unicodedata.normalize("NFC", text)))


def free_text(text: str) -> str:
    """Transliterate a customer's text to set x without any character that could begin a structure.

    Field 86 has several structures, and each of them rests on one of four signs of set x: ``?`` begins a subfield
    (``?20``), ``+`` ends a codeword or begins a subfield (``EREF+``, ``+32``), ``:`` ends a codeword or encloses a
    field tag (``IBAN:``, ``:61:``), and ``/`` encloses a codeword (``/REMI/``). ``/`` becomes a hyphen, the others
    become a full stop. Runs of spaces become one space. A last word ``BIC`` or ``IBAN`` gets a full stop, because
    the reader mt-940 takes it for an empty label.
    """
    line = " ".join(swift_x(text).translate(_SEPARATORS).split())
    return f"{line}." if line.endswith(EMPTY_LABELS) else line
