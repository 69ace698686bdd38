"""Passwords: which are good enough, and how they are kept."""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from functools import cache
from typing import Final

import bcrypt
from zxcvbn import zxcvbn

from bankapp import context, errors

MIN_LENGTH: Final = 12
MAX_LENGTH: Final = 128
MIN_SCORE: Final = 3
"""zxcvbn's score for "safely unguessable" by an attacker without the hash."""


def check(password: str, *about_user: str, field: str = "password") -> None:
    """Refuse a guessable password with its reason (OWASP ASVS 5.0 §6.2). Raises ValidationFailed.

    ``about_user`` are words an attacker would try first: e-mail, names.
    """
    verdict = zxcvbn(normalized(password), user_inputs=[word for word in about_user if word], max_length=MAX_LENGTH)
    if verdict["score"] < MIN_SCORE:
        reason = verdict["feedback"]["warning"] or "This password is easy to guess."
        raise errors.ValidationFailed("The password is too easy to guess.", errors={field: [reason]})


def hashed(password: str) -> str:
    """Return the bcrypt hash of ``password`` at the configured cost."""
    return bcrypt.hashpw(_digest(password), bcrypt.gensalt(context.config().bcrypt_rounds)).decode()


def matches(password: str, hashed_password: str | None) -> bool:
    """Tell whether ``password`` has this hash; without one, take as long and answer False."""
    if hashed_password is None:
        bcrypt.checkpw(_digest(password), _dummy(context.config().bcrypt_rounds))
        return False
    return bcrypt.checkpw(_digest(password), hashed_password.encode())


def is_outdated(hashed_password: str) -> bool:
    """Tell whether the hash was made at a lower cost than the configured one."""
    return int(hashed_password.split("$")[2]) < context.config().bcrypt_rounds


def normalized(password: str) -> str:
    """Return ``password`` in NFC, so that the same letters typed elsewhere are the same password."""
    return unicodedata.normalize("NFC", password)


def _digest(password: str) -> bytes:
    # bcrypt reads at most 72 bytes and stops at NUL; a digest in Base64 is always 44 harmless ones.
    return base64.b64encode(hashlib.sha256(normalized(password).encode()).digest())


@cache
def _dummy(rounds: int) -> bytes:
    return bcrypt.hashpw(b"nobody's password", bcrypt.gensalt(rounds))
