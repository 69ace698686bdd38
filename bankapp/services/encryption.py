"""Secrets that must be read again are stored encrypted: AES-256-GCM under a key derived from ``SECRET_KEY``."""

from __future__ import annotations

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from bankapp import context

NONCE_BYTES: Final = 12


def seal(secret: str, owner_id: str) -> bytes:
    """Encrypt ``secret`` under the newest key, bound to its owner: in another row it cannot be opened."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    return nonce + _cipher(context.config().secret_key).encrypt(nonce, secret.encode(), owner_id.encode())


def unseal(sealed: bytes, owner_id: str) -> tuple[str, bool] | None:
    """Decrypt what :func:`seal` wrote, and tell whether an older key was needed; None when no key opens it."""
    settings = context.config()
    nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
    for age, key in enumerate((settings.secret_key, *settings.secret_key_fallbacks)):
        try:
            return _cipher(key).decrypt(nonce, ciphertext, owner_id.encode()).decode(), age > 0
        except InvalidTag:
            continue
    return None


def _cipher(key: str) -> AESGCM:
    # The label keeps this key apart from whatever else is derived from SECRET_KEY (RFC 5869 §3.2).
    derived = HKDF(SHA256(), length=32, salt=None, info=b"bankapp second factor").derive(key.encode())
    return AESGCM(derived)
