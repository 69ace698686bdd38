"""Passwords: the rules for new ones, and their bcrypt hashes."""

from __future__ import annotations

import base64
import hmac
import re
import unicodedata
from typing import Final

import bcrypt

from bankapp import context, errors

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 128
MIN_SCORE: Final = 3
"""zxcvbn's score for "safely unguessable" by an attacker without the hash."""

SCORED_LENGTH: Final = 24
"""How many characters zxcvbn scores. Its time grows steeply: 128 characters can take 14 seconds."""

OUR_WORDS: Final = ("bankapp", "bank", "account")


def check(password: str, *about_user: str, field: str = "password") -> None:
    """Refuse a password that is too short, too long or guessable (OWASP ASVS 5.0 §6.2).

    ``about_user`` are words that an attacker tries first: the e-mail address and the names. Raises
    ValidationFailed with the reason at ``field``.
    """
    text = normalized(password)
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise errors.ValidationFailed(errors={field: [f"Must have {MIN_LENGTH} to {MAX_LENGTH} characters."]})
    words = [part for word in about_user for part in (word, *re.split(r"[\W_]+", word)) if len(part) > 2]
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its word lists take 12 MB that most workers never need

    verdict = zxcvbn(text[:SCORED_LENGTH], user_inputs=[*OUR_WORDS, *words])
    if verdict["score"] < MIN_SCORE:
        reason = verdict["feedback"]["warning"] or "This password is easy to guess."
        raise errors.ValidationFailed("The password is too easy to guess.", errors={field: [reason]})


def hashed(password: str) -> str:
    """Return the bcrypt hash of ``password`` at the configured cost."""
    return bcrypt.hashpw(_digest(password), bcrypt.gensalt(context.config().bcrypt_rounds)).decode()


def matches(password: str, hashed_password: str | None) -> bool:
    """Tell whether ``password`` has this hash. For None, take the same time and return False."""
    if hashed_password is None:
        bcrypt.checkpw(_digest(password), _dummy_hash())
        return False
    return bcrypt.checkpw(_digest(password), hashed_password.encode())


def is_outdated(hashed_password: str) -> bool:
    """Tell whether the hash was made at a lower cost than the configured one."""
    return int(hashed_password.split("$")[2]) < context.config().bcrypt_rounds


def normalized(password: str) -> str:
    """Return ``password`` in Unicode form NFC: devices encode the same letters differently."""
    return unicodedata.normalize("NFC", password)


def _digest(password: str) -> bytes:
    # bcrypt reads at most 72 bytes and stops at NUL; a digest in Base64 has 44 bytes and no NUL. The digest is
    # keyed with a label, so that plain SHA-256 digests stolen elsewhere are no dictionary against these hashes.
    digest = hmac.digest(b"bankapp password", normalized(password).encode(), "sha256")
    return base64.b64encode(digest)


def _dummy_hash() -> bytes:
    # Well-formed, so that the check takes as long as that of a real hash. No known password has this hash.
    return f"$2b${context.config().bcrypt_rounds:02}${'.' * 53}".encode()
