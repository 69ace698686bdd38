"""Access tokens as an attacker or a faulty client makes them."""

from __future__ import annotations

import base64
import json
import warnings
from typing import Any

import jwt
from jwt.warnings import InsecureKeyLengthWarning

from tests.support.databases import SECRET

OTHER_SECRET = "another-secret-that-this-server-never-had"


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims without checking anything."""
    return dict(jwt.decode(token, options={"verify_signature": False}))


def signed(claims: dict[str, Any], *, key: str = SECRET, algorithm: str = "HS256", **headers: Any) -> str:
    """Return a token with these claims, by default signed as the server signs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InsecureKeyLengthWarning)  # an attacker does not mind
        # Signed as bytes: ``jwt.encode`` refuses claims of another type.
        return jwt.PyJWS().encode(json.dumps(claims).encode(), key, algorithm=algorithm, headers=headers)


def unsigned(claims: dict[str, Any], **headers: Any) -> str:
    """Return a token with no signature at all."""
    return f"{part(headers)}.{part(claims)}."


def part(document: Any) -> str:
    """Return a document as one part of a token."""
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()
