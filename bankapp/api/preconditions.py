"""Conditional requests: which versions of a resource a change may replace (RFC 9110 section 13.1.1)."""

from __future__ import annotations

from typing import Any, Final

from flask import request

from bankapp import errors

IF_MATCH: Final[dict[str, Any]] = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag of the version to change, or `*` for any version.",
    "schema": {"type": "string"},
    "example": '"1"',
}
"""The header, for the OpenAPI document."""


def expected_versions() -> frozenset[str] | None:
    """Return the versions that the client has read, or None for any version. Raises PreconditionRequired.

    Any of several tags may match; a weak tag never does.
    """
    if "If-Match" not in request.headers:
        raise errors.PreconditionRequired("Send If-Match with the ETag that you read.")
    return None if request.if_match.star_tag else frozenset(request.if_match.as_set())
