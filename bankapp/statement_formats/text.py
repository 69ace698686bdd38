"""Words and characters that several statement formats share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from bankapp.statement_formats.statement import Entry

# Controls, line separators, lone surrogates and non-characters: illegal in XML 1.0, or they would
# break a line where the format gives lines a meaning.
_NOT_PRINTABLE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")

_LABELS: Final = {
    "deposit": "Deposit",
    "withdrawal": "Withdrawal",
    "transfer_in": "Transfer received",
    "transfer_out": "Transfer sent",
    "card_purchase": "Card purchase",
}

_CHUNK_CHARS: Final = 32 * 1024


def one_line(text: str) -> str:
    """Return ``text`` as one line that XML 1.0 allows: what it does not allow becomes a space."""
    return _NOT_PRINTABLE.sub(" ", text).strip()


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
