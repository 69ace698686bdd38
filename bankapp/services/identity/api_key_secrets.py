"""The secret of an API key: a prefix, 256 random bits and a checksum, as secret scanners recognise them.

``bk_live_`` (production) or ``bk_test_`` (everything else), 43 digits of base62, and the CRC-32 of all that as six
digits of base62. The checksum tells a secret from a text that resembles one, without a question to the database.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib
from typing import Final

from bankapp import context

PREFIX: Final = "bk_"
"""No JSON Web Token begins so: the first part of a token is the Base64 of ``{``."""

LIVE: Final = f"{PREFIX}live_"
TEST: Final = f"{PREFIX}test_"
PATTERN: Final = rf"{PREFIX}(live|test)_[0-9A-Za-z]{{49}}"
"""The regular expression for a secret scanner."""

RANDOM_BITS: Final = 256
RANDOM_DIGITS: Final = 43
"""62^43 is the first power of 62 above 2^256."""

CHECKSUM_DIGITS: Final = 6

_ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET: Final = re.compile(PATTERN)


def new() -> str:
    """Return a new secret of this deployment."""
    unchecked = _prefix() + _base62(secrets.randbits(RANDOM_BITS), RANDOM_DIGITS)
    return unchecked + _checksum(unchecked)


def is_well_formed(secret: str) -> bool:
    """Tell whether this deployment could have made ``secret``: prefix, length, alphabet and checksum fit."""
    if not _SECRET.fullmatch(secret) or not secret.startswith(_prefix()):
        return False
    return secret[-CHECKSUM_DIGITS:] == _checksum(secret[:-CHECKSUM_DIGITS])


def digest(secret: str) -> str:
    """Return the SHA-256 of a secret in hexadecimal, by which its key is stored.

    256 random bits need neither a salt nor a slow hash.
    """
    return hashlib.sha256(secret.encode()).hexdigest()


def _prefix() -> str:
    return LIVE if context.config().is_production else TEST


def _checksum(text: str) -> str:
    return _base62(zlib.crc32(text.encode()), CHECKSUM_DIGITS)


def _base62(number: int, width: int) -> str:
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
