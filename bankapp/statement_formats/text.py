"""Functions for text that several statement formats share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from bankapp.statement_formats.statement import Entry

# Controls, line separators, lone surrogates and non-characters. They are illegal in XML 1.0, or they break a line in
# formats where lines have a meaning.
_NOT_PRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")

# Characters that make a program show another text than the stored one: explicit bidirectional embeddings,
# overrides and isolates, their deprecated variants, byte order marks and interlinear annotations. The
# implicit marks U+200E, U+200F and U+061C are kept: right-to-left text needs them, and they override nothing.
_DECEPTIVE: Final = re.compile("[\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]")

# Letters, marks and unassigned code points without a glyph (Unicode's Default_Ignorable_Code_Point). Their general
# category does not show that they are invisible.
_IGNORABLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff]"
)

_LABELS: Final = {
    "deposit": "Deposit",
    "withdrawal": "Withdrawal",
    "transfer_in": "Transfer received",
    "transfer_out": "Transfer sent",
    "card_purchase": "Card purchase",
}

NOT_PROVIDED: Final = "NOTPROVIDED"

_CHUNK_CHARS: Final = 32 * 1024


def is_visible(char: str) -> bool:
    """Tell whether a character is visible: not a space, a control or an ignorable character."""
    return unicodedata.category(char) not in ("Cc", "Cf", "Zs", "Zl", "Zp") and not _IGNORABLE.match(char)


def one_line(text: str) -> str:
    """Return ``text`` as one line that XML 1.0 allows, or an empty text when nothing in it is visible.

    Characters that XML does not allow become spaces. Characters that change the display order are removed.
    """
    line = _NOT_PRINTABLE.sub(" ", _DECEPTIVE.sub("", text)).strip()
    return line if any(map(is_visible, line)) else ""


def label(entry: Entry) -> str:
    """Return the name of an entry's type. A type without a name in the table gets its identifier, in words."""
    return _LABELS.get(entry.type) or one_line(entry.type.replace("_", " ")).capitalize() or "Entry"


def description(entry: Entry) -> str:
    """Return the entry's description as one line, or the name of its type if it has none."""
    return one_line(entry.description or "") or label(entry)


def party_name(entry: Entry) -> str:
    """Return the name of an entry's counterparty as one line, or an empty text if it has none."""
    return one_line(entry.counterparty.name) if entry.counterparty else ""


def remittance(entry: Entry) -> str:
    """Return what a payment is for as one line: reference and description, or the name of its type without both.

    The reference comes first, because formats cut the end of a long text.
    """
    return ", ".join(filter(None, (entry.reference, one_line(entry.description or "")))) or label(entry)


def end_to_end_id(entry: Entry) -> str | None:
    """Return the payer's identifier of a payment, or None for a movement that is not a transfer and has none.

    A transfer without one gets ``NOTPROVIDED``, as in SEPA (EPC115-06, AT-41).
    """
    return entry.end_to_end_id or (NOT_PROVIDED if entry.transfer_id else None)


def encoded(pieces: Iterable[str], encoding: str = "utf-8") -> Iterator[bytes]:
    """Join small pieces of text into chunks of bytes, so that each write to the socket is large."""
    pending: list[str] = []
    chars = 0
    for piece in pieces:
        pending.append(piece)
        chars += len(piece)
        if chars >= _CHUNK_CHARS:
            yield "".join(pending).encode(encoding)
            pending.clear()
            chars = 0
    if pending:
        yield "".join(pending).encode(encoding)
