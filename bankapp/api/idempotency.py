"""Reads the ``Idempotency-Key`` header and makes the request's claim.

Follows draft-ietf-httpapi-idempotency-key-header: the key may be a plain or a quoted
(structured-field) string.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, Final

import orjson
from marshmallow import missing

from bankapp import context, errors
from bankapp.api.errors import render as render_problem
from bankapp.api.parsing import request
from bankapp.services.idempotency import Answer, Claim

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"

_PLAIN = re.compile(r"[\x20-\x7e]{1,255}")
_QUOTED = re.compile(r'"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')


def claim(render: Callable[[Any], Answer]) -> Claim | None:
    """Return the claim of the current request, or None without a key. Raises IdempotencyKeyInvalid.

    ``render`` turns the request's result into the answer that a replay repeats.
    """
    key = _key()
    if key is None:
        return None
    current = context.current()
    user_id = current.subject
    assert user_id is not None, "the scope of a key includes the user, so an idempotent endpoint needs a token"
    # An API key has its own scope: a key that is limited to some accounts must not repeat an answer about others.
    owner = (user_id,) if current.api_key_id is None else (user_id, current.api_key_id)
    return Claim(
        scope=_digest(*owner, request.method, request.path, key),
        fingerprint=_digest(_canonical_body()),
        user_id=user_id,
        render=render,
        render_refusal=render_problem,
    )


def _key() -> str | None:
    header = request.headers.get(HEADER)
    if header is None:
        if context.config().idempotency_required:
            raise errors.IdempotencyKeyInvalid(f"This request needs the header {HEADER}.")
        return None
    quoted = _QUOTED.fullmatch(header)
    key = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else header
    if not _PLAIN.fullmatch(key):
        raise errors.IdempotencyKeyInvalid(f"{HEADER} must be 1 to 255 printable ASCII characters.")
    return key


def _canonical_body() -> str:
    document = request.document
    # The schema has validated the document, so it has no integer over 64 bits, which orjson cannot write.
    return "" if document is missing else orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()


def _digest(*parts: str) -> str:
    # No part can contain a line feed, so different parts never give the same text.
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
