"""Compares the name that a payer gives with the name of an account's holder (verification of payee).

The EPC's scheme rulebook (EPC218-23) names the outcomes and leaves the matching to the payee's bank. The rules here:

- *Match*: the same words in any order. Case, accents, punctuation, titles and the spelling of a legal form do not
  count. An umlaut equals its letter with an e, and its letter alone. Words may be joined or separated by hyphens.
- *Close match*: one or two letters of longer words differ, a word is an initial, one of the names lacks a middle word,
  or one of them lacks the legal form.
- *No match*: everything else. One word alone is never close to a longer name: otherwise a payer who guesses a common
  surname would be told the first name.

A name in another script is compared as :mod:`anyascii` writes it in Latin letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Final

from anyascii import anyascii
from rapidfuzz.distance import OSA

MATCH: Final = "match"
CLOSE_MATCH: Final = "close_match"
NO_MATCH: Final = "no_match"

MAX_WORDS: Final = 6
"""Longer names match only word for word: the number of orders grows with the factorial of their length."""

MAX_LETTERS_OFF: Final = 2
"""How many letters of a whole name may be wrong, missing, added or swapped with a neighbour."""

Words = tuple[str, ...]

_TITLES: Final = frozenset(
    "dr dra drs prof profa professor doctor doktor dott dottore dottoressa mr mrs ms miss mx mister sir dame madam"
    " herr frau hr fraulein monsieur madame mademoiselle mme mlle senor senora senorita sra srta signor signora"
    " signore dipl phd meneer mevrouw dhr mevr gospodin gospodja".split()
)
_PARTS_OF_TITLES: Final = frozenset("med rer nat jur phil habil hc h c ing kfm".split())
"""Words that belong to a title before them. Alone some of them are names."""

# Folded spellings of a legal form. The first of each line is its name here.
_LEGAL_FORMS: Final = """
gmbh, gesellschaft mit beschrankter haftung, g m b h
gmbh co kg, gmbh and co kg
ug, ug haftungsbeschrankt, unternehmergesellschaft, unternehmergesellschaft haftungsbeschrankt
ag, aktiengesellschaft, a g
kg, kommanditgesellschaft
ohg, offene handelsgesellschaft
gbr, gesellschaft burgerlichen rechts
ev, e v, eingetragener verein
eg, e g, eingetragene genossenschaft
ek, e k, eingetragener kaufmann
se, s e, societas europaea
ltd, limited
plc, p l c, public limited company
llp, l l p, limited liability partnership
llc, l l c, limited liability company
inc, incorporated
corp, corporation
pty ltd, pty limited, proprietary limited
sa, s a, societe anonyme, sociedad anonima, sociedade anonima
sarl, s a r l, societe a responsabilite limitee
sas, s a s, societe par actions simplifiee
sl, s l, sociedad limitada
srl, s r l, societa a responsabilita limitata
spa, s p a, societa per azioni
lda, limitada
bv, b v, besloten vennootschap
nv, n v, naamloze vennootschap
ab, aktiebolag
as, a s, aktieselskab, aksjeselskap
aps, anpartsselskab
oy, osakeyhtio
oyj, julkinen osakeyhtio
sp zoo, sp z oo, sp z o o, spolka z ograniczona odpowiedzialnoscia
sro, s r o, spol s r o
doo, d o o
kft, korlatolt felelossegu tarsasag
ooo, o o o
"""

_WIDENED: Final = str.maketrans(
    {"ä": "ae", "ö": "oe", "ü": "ue", "ő": "oe", "ű": "ue", "ø": "oe", "å": "aa", "æ": "ae", "œ": "oe"}
)
"""Letters that are also written as two."""

# The e of an umlaut: in "Mueller" and "Baeuerle", not in "Michael", "Manuel", "Zoe" and "Jacques".
_UMLAUT_E: Final = re.compile(r"(?<![aeiouq])([aou])e(?=[b-df-hjkmnp-tv-xz]|l[a-z]|(?<=ae)u)")

# Characters that stand for a word or a syllable each: Chinese characters and Hangul.
_SYLLABLE: Final = re.compile("([\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff])")
_APOSTROPHES: Final = re.compile("['`\u00b4\u02bb\u02bc\u02b9\u02be\u02bf\u2018\u2019\u2032]")
_WORD: Final = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True)
class _Name:
    words: Words
    legal_form: str | None


def compare(given: str, actual: str) -> str:
    """Return ``match``, ``close_match`` or ``no_match`` for a given and an actual name. The order does not count."""
    results = [_compare(_read(one), _read(other)) for one, other in zip(_folded(given), _folded(actual), strict=True)]
    return next(result for result in (MATCH, CLOSE_MATCH, NO_MATCH) if result in results)


def _folded(name: str) -> tuple[str, str]:
    """Return a name in ASCII without case and accents, in two ways: umlauts widened, and umlauts narrowed."""
    text = unicodedata.normalize("NFC", unicodedata.normalize("NFKC", name).casefold())
    text = _APOSTROPHES.sub("", text.replace("&", " and ").replace("+", " and "))
    text = _SYLLABLE.sub(r" \1 ", text)
    widened, narrowed = anyascii(text.translate(_WIDENED)).lower(), anyascii(text).lower()
    return _APOSTROPHES.sub("", widened), _APOSTROPHES.sub("", _UMLAUT_E.sub(r"\1", narrowed))


def _read(folded: str) -> _Name:
    """Take a folded name apart. Words for "and" are one; titles are left out unless nothing else remains."""
    words = tuple("and" if word in ("und", "et") else word for word in _WORD.findall(folded))
    words, legal_form = _without_legal_form(words)
    return _Name(_without_titles(words) or words, legal_form)


def _without_titles(words: Words) -> Words:
    kept: list[str] = []
    follows_title = False
    for word in words:
        follows_title = word in _TITLES or (follows_title and word in _PARTS_OF_TITLES)
        if not follows_title:
            kept.append(word)
    return tuple(kept)


def _without_legal_form(words: Words) -> tuple[Words, str | None]:
    for spelling, form in _SPELLINGS:
        size = len(spelling)
        if len(words) > size:
            if words[-size:] == spelling:
                return words[:-size], form
            if words[:size] == spelling:
                return words[size:], form
    return words, None


def _spellings() -> Iterator[tuple[Words, str]]:
    for line in _LEGAL_FORMS.strip().splitlines():
        spellings = [tuple(spelling.split()) for spelling in line.split(", ")]
        yield from ((spelling, " ".join(spellings[0])) for spelling in spellings)


_SPELLINGS: Final = sorted(_spellings(), key=lambda item: -len(item[0]))
"""Words of a spelling and the name of the legal form, the longest spelling first."""


def _compare(given: _Name, actual: _Name) -> str:
    forms = {given.legal_form, actual.legal_form}
    if not given.words or not actual.words or (len(forms) == 2 and None not in forms):
        return NO_MATCH
    if _has_same_words(given.words, actual.words):
        return MATCH if len(forms) == 1 else CLOSE_MATCH
    return CLOSE_MATCH if _is_close(given.words, actual.words) else NO_MATCH


def _has_same_words(given: Words, actual: Words) -> bool:
    if sorted(given) == sorted(actual):
        return True
    joined = "".join(actual)
    return len("".join(given)) == len(joined) and any("".join(order) == joined for order in _orders(given))


def _is_close(given: Words, actual: Words) -> bool:
    short, long = sorted((given, actual), key=len)
    if len(long) > MAX_WORDS or (len(short) == 1 < len(long) and not _is_respaced(short, long)):
        return False
    is_longer = len(short) < len(long)
    letters = 1 if is_longer else MAX_LETTERS_OFF
    return _aligns(short, long, letters, full_words=2 if is_longer else 1) or (is_longer and _is_respaced(short, long))


def _is_respaced(short: Words, long: Words) -> bool:
    """Tell whether the names are one letter apart once the spaces between words are left out."""
    joined = "".join(short)
    return len(joined) >= 8 and any(
        OSA.distance("".join(order), joined, score_cutoff=1) <= 1 for order in _orders(long)
    )


def _orders(words: Words) -> Iterator[Words]:
    return permutations(words) if len(words) <= MAX_WORDS else iter([words])


def _aligns(short: Words, long: Words, letters: int, full_words: int) -> bool:
    """Tell whether each word of ``short`` has a word of its own in ``long``: the same, a misspelt one, or an initial.

    At most ``letters`` differ in all, and at least ``full_words`` pairs are no initials.
    """
    if not short:
        return full_words <= 0
    word, rest = short[0], short[1:]
    for at, other in enumerate(long):
        is_initial = 1 in (len(word), len(other)) and word[0] == other[0]
        letters_off = 0 if is_initial else _letters_off(word, other)
        if letters_off <= letters:
            others = (*long[:at], *long[at + 1 :])
            if _aligns(rest, others, letters - letters_off, full_words - (not is_initial)):
                return True
    return False


def _letters_off(word: str, other: str) -> int:
    """Return how many letters differ; more than :data:`MAX_LETTERS_OFF` where the words are not alike enough.

    Short words are other names with every letter, and names that differ in two letters are alike only if they begin
    alike: Stefan and Stephan, but neither Hansen and Johansen nor Olsson and Nilsson.
    """
    length = min(len(word), len(other))
    allowed = 0 if length < 4 else MAX_LETTERS_OFF if length >= 6 and word[0] == other[0] else 1
    distance = OSA.distance(word, other, score_cutoff=allowed)
    return distance if distance <= allowed else MAX_LETTERS_OFF + 1
