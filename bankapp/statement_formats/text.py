"""Words and characters that several statement formats share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from bankapp.statement_formats.statement import Entry

# Controls, line separators, lone surrogates and non-characters: illegal in XML 1.0, or they would
# break a line where the format gives lines a meaning.
_NOT_PRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")

# Characters that make a program show another text than the stored one: explicit bidirectional embeddings,
# overrides and isolates, their deprecated relatives, byte order marks and interlinear annotations. The
# implicit marks U+200E, U+200F and U+061C stay: right-to-left text needs them, and they override nothing.
_DECEPTIVE: Final = re.compile("[\u202a-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]")

# Letters, marks and unassigned code points without a glyph (Unicode's Default_Ignorable_Code_Point), which their
# general category does not reveal.
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

_CHUNK_CHARS: Final = 32 * 1024


def is_visible(char: str) -> bool:
    """Tell whether a character leaves a mark on the page: not a space, a control or an ignorable one."""
    return unicodedata.category(char) not in ("Cc", "Cf", "Zs", "Zl", "Zp") and not _IGNORABLE.match(char)


def one_line(text: str) -> str:
    """Return ``text`` as one line that XML 1.0 allows, or an empty text when nothing in it is visible.

    What XML does not allow becomes a space. What would make a program show the line in another order is left out.
    """
    line = _NOT_PRINTABLE.sub(" ", _DECEPTIVE.sub("", text)).strip()
    return line if any(map(is_visible, line)) else ""


def label(entry: Entry) -> str:
    """Name the kind of an entry for a person; a kind added later is named by its own word."""
    return _LABELS.get(entry.type) or one_line(entry.type.replace("_", " ")).capitalize() or "Entry"


def description(entry: Entry) -> str:
    """Return the entry's description as one line, or the name of its kind when it has none."""
    return one_line(entry.description or "") or label(entry)


def encoded(pieces: Iterable[str], encoding: str = "utf-8") -> Iterator[bytes]:
    """Gather small pieces of text into chunks of bytes that are worth a write to a socket."""
    held: list[str] = []
    chars = 0
    for piece in pieces:
        held.append(piece)
        chars += len(piece)
        if chars >= _CHUNK_CHARS:
            yield "".join(held).encode(encoding)
            held.clear()
            chars = 0
    if held:
        yield "".join(held).encode(encoding)
