"""Field 86 of MT940, structured as the German Banking Industry Committee defines it.

The rules are those of the DFÜ agreement, annex 3, chapter 8: a transaction code (GVC) of three digits, then
subfields ``?nn`` of at most 27 characters each (``?31``: 34). ``?00`` holds the booking text, ``?20`` to ``?29`` the
purpose, ``?30`` the counterparty's BIC, ``?31`` its account number, ``?32`` and ``?33`` its name. SEPA codewords divide
the purpose: ``EREF+`` is the end-to-end reference, ``SVWZ+`` the remittance text, which comes last. ``?60`` to ``?63``
could continue the purpose, but the reader mt-940 takes them for another text. The whole field has 6 lines of 65
characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bankapp.statement_formats.statement import Counterparty
from bankapp.statement_formats.swift_text import EMPTY_LABELS, free_text

_LINES: Final = 6
_LINE_CHARS: Final = 65
_SUBFIELD_CHARS: Final = 27
_PURPOSE_TAGS: Final = range(20, 30)

# A subfield may be this much shorter, so that there is no space on either side of the cut.
_CUT_SLACK: Final = 6


@dataclass(frozen=True, slots=True)
class Details:
    """The content of field 86 of one entry.

    ``purpose`` is the customer's own text in set x. ``reference`` is the end-to-end reference.
    """

    code: str
    booking_text: str
    purpose: str
    reference: str | None = None
    counterparty: Counterparty | None = None


def _is_cut(text: str, at: int) -> bool:
    """Tell whether the text may be cut before ``at``.

    Readers that trim subfields or drop empty labels must not lose any of the text left of the cut.
    """
    return text[at - 1] != " " and not text[:at].endswith(EMPTY_LABELS)


def _subfield_texts(text: str) -> Iterator[str]:
    """Cut ``text``, whose spaces are single, into the texts of consecutive subfields."""
    while len(text) > _SUBFIELD_CHARS:
        cuts = [at for at in range(_SUBFIELD_CHARS, _SUBFIELD_CHARS - _CUT_SLACK, -1) if _is_cut(text, at)]
        # If letters and spaces alternate, no cut is between two letters. Then the right side begins with a space.
        cut = next((at for at in cuts if text[at] != " "), cuts[0])
        yield text[:cut]
        text = text[cut:]
    yield text


def _purpose_texts(details: Details) -> list[str]:
    texts = [*_subfield_texts(f"EREF+{free_text(details.reference)}")] if details.reference else []
    # A codeword begins a new subfield.
    return [*texts, *_subfield_texts(f"SVWZ+{details.purpose}")]


def _counterparty(party: Counterparty) -> str:
    name, more_name, *_ = [*_subfield_texts(free_text(party.name)), ""]
    bic, number = free_text(party.bic or "")[:12], free_text(party.account_number or "")[:34]
    parts = {"30": bic, "31": number, "32": name, "33": more_name}
    return "".join(f"?{tag}{text}" for tag, text in parts.items() if text)


def _is_line_break(field: str, at: int) -> bool:
    """Tell whether a line may end before ``at``: not at a space, which readers trim, and not within a tag.

    The next line must not begin with a hyphen, because a hyphen at the start of a line ends the message.
    """
    return field[at - 1] not in " ?" and field[at - 2] != "?" and field[at] not in " -"


def _lines(field: str) -> list[str]:
    lines = []
    while len(field) > _LINE_CHARS:
        # A break always exists: tags are at most 37 characters apart, and no subfield ends with a space.
        at = next(at for at in range(_LINE_CHARS, 0, -1) if _is_line_break(field, at))
        lines.append(field[:at])
        field = field[at:]
    return [*lines, field]


def detail_lines(details: Details) -> list[str]:
    """Write field 86 as at most 6 lines of 65 characters of set x.

    A purpose that is too long is cut. 140 characters always fit, even with a reference.
    """
    head = f"{details.code}?00{free_text(details.booking_text)[:_SUBFIELD_CHARS].rstrip()}"
    tail = _counterparty(details.counterparty) if details.counterparty else ""
    texts = _purpose_texts(details)[: len(_PURPOSE_TAGS)]
    while True:
        purpose = "".join(f"?{tag}{text}" for tag, text in zip(_PURPOSE_TAGS, texts, strict=False))
        lines = _lines(head + purpose + tail)
        if len(lines) <= _LINES:
            return lines
        texts.pop()
