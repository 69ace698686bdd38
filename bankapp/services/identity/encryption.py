"""Encryption of stored secrets: XChaCha20-Poly1305 under a key derived from ``SECRET_KEY``."""

from __future__ import annotations

import hmac

from nacl.exceptions import CryptoError
from nacl.secret import Aead

from bankapp import context


def seal(secret: str, owner_id: str) -> bytes:
    """Encrypt ``secret`` under the newest key. The result can be decrypted only with the same ``owner_id``."""
    return bytes(_cipher(context.config().secret_key).encrypt(secret.encode(), owner_id.encode()))


def unseal(sealed: bytes, owner_id: str) -> tuple[str, bool] | None:
    """Decrypt a result of :func:`seal`, and tell whether its key was an older one. None when no key decrypts it."""
    settings = context.config()
    for age, key in enumerate((settings.secret_key, *settings.secret_key_fallbacks)):
        try:
            return _cipher(key).decrypt(sealed, owner_id.encode()).decode(), age > 0
        except (CryptoError, ValueError):
            continue
    return None


def _cipher(key: str) -> Aead:
    # HKDF (RFC 5869) without salt, for 32 bytes: extract, then one step of expand. The label makes this key
    # differ from every other key that is derived from SECRET_KEY.
    extracted = hmac.digest(bytes(32), key.encode(), "sha256")
    return Aead(hmac.digest(extracted, b"bankapp second factor\x01", "sha256"))
