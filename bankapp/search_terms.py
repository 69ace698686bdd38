"""Turns texts and questions into terms of the search index. Both databases compare terms byte by byte.

- A word is a run of letters and digits, in ASCII, without case and accents: :mod:`anyascii` writes other scripts in
  Latin letters. A Chinese character or a Hangul syllable is a word. An apostrophe joins in questions; in texts it also
  separates: "l'été" is found by ``l'été``, ``lete`` and ``ete``.
- A word of a question matches the beginning of words; one of one or two characters matches whole words only.
- Category, tag and counterparty are terms as a whole: their words, behind a sign that no word contains.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from anyascii import anyascii

MAX_TERM_LENGTH: Final = 60
"""What is longer is cut off, in texts and in questions alike."""

MIN_BEGINNING: Final = 3
"""How many characters the beginning of a word must have to match the word."""

CATEGORY: Final = "/"
TAG: Final = "#"
COUNTERPARTY: Final = "@"

SEPARATOR: Final = "|"
"""Stands around each term where the terms of a transaction are one text."""

_APOSTROPHES: Final = re.compile("['`\u00b4\u02bb\u02bc\u02b9\u02be\u02bf\u2018\u2019\u2032]")
_SYLLABLE: Final = re.compile("([\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_WORD: Final = re.compile("[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class Condition:
    """What a transaction must have: the term ``text``, or with ``is_beginning`` a term that begins with it."""

    text: str
    is_beginning: bool = False


def words(text: str, apostrophe: str = "") -> list[str]:
    """Return the words of a text, each as one term; none for a text without letters and digits.

    ``apostrophe`` replaces each apostrophe.
    """
    text = _APOSTROPHES.sub(apostrophe, text)
    if not text.isascii():
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())
        text = _APOSTROPHES.sub("", anyascii(_SYLLABLE.sub(r" \1 ", folded)))
    return [word[:MAX_TERM_LENGTH] for word in _WORD.findall(text.lower())]


def whole(sign: str, text: str) -> str:
    """Return the term for a whole category, tag or counterparty."""
    return (sign + " ".join(words(text)))[:MAX_TERM_LENGTH]


def of_transaction(
    texts: Sequence[str | None], counterparty: str | None, category: str | None, tags: Sequence[str]
) -> list[str]:
    """Return the terms of a transaction, sorted, each once. ``texts`` are those that a question is about."""
    terms = {word for text in texts if text for apostrophe in ("", " ") for word in words(text, apostrophe)}
    terms |= {whole(TAG, tag) for tag in tags}
    if counterparty:
        terms.add(whole(COUNTERPARTY, counterparty))
    if category:
        terms.add(whole(CATEGORY, category))
    return sorted(terms)


def asked(question: str) -> list[Condition]:
    """Return the conditions of a question, all of which a transaction must meet."""
    return [Condition(word, len(word) >= MIN_BEGINNING) for word in dict.fromkeys(words(question))]
