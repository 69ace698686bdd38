"""The one spelling of an e-mail address: two that reach the same mailbox are the same user."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_SYMBOLS: Final = re.compile(r"[!-/:-@\[-`{-~]+")
"""What an address may have beside letters and digits of any script: ASCII symbols."""


def canonical(email: str) -> str:
    """Return the spelling under which an e-mail address is stored. Raises ValueError where it has none.

    The domain is mapped by UTS #46 and written in Unicode, so that ``xn--bcher-kva.example`` is ``bücher.example``.
    The part before the at sign follows PRECIS UsernameCaseMapped (RFC 8265 §3.3): full-width characters become
    narrow, case is folded, and characters that cannot be seen are refused. Both are case-folded in full, as in RFC
    7613, so ß is ss: addresses were stored like that before.
    """
    local, at, domain = email.strip().casefold().rpartition("@")
    if not at or local.startswith('"'):
        # The quoted form is a second spelling of the plain one (RFC 5321 §4.1.2).
        raise ValueError("not an address")
    return f"{_local_part(local)}@{_domain(domain)}"


def spellings(email: str) -> tuple[str, ...]:
    """Return the spellings under which the owner of ``email`` may be stored, in the order to look them up.

    The first is case-folded only, as addresses were stored before there was a canonical spelling. It comes first so
    that such a user still signs in, even if another user has the canonical spelling now.
    """
    folded = email.strip().casefold()
    return tuple(dict.fromkeys((folded, fold(email))))


def fold(email: str) -> str:
    """Return the canonical spelling, or for text that is no address the text case-folded."""
    try:
        return canonical(email)
    except ValueError:
        return email.strip().casefold()


def _domain(domain: str) -> str:
    if domain.isascii() and "xn--" not in domain:
        return domain
    import idna  # noqa: PLC0415 - its tables take 2 MB that most workers never need

    return idna.decode(idna.encode(domain, uts46=True, std3_rules=True)).casefold()


def _local_part(local: str) -> str:
    if local.isascii():
        return local
    import idna  # noqa: PLC0415 - as above

    narrow = "".join(_narrow(character) for character in unicodedata.normalize("NFC", local))
    found = unicodedata.normalize("NFC", narrow.casefold())
    # PRECIS allows what IDNA2008 allows in a label (RFC 8264 §9, RFC 5892), and ASCII symbols.
    for word in _SYMBOLS.split(found):
        if not word.isascii():
            idna.check_label(word)
    idna.check_bidi(found)
    return found


def _narrow(character: str) -> str:
    is_wide_or_half = unicodedata.east_asian_width(character) in "FH"
    return unicodedata.normalize("NFKC", character) if is_wide_or_half else character
