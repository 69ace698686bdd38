"""The wire shape of every error: problem+json (RFC 9457)."""

from __future__ import annotations

from marshmallow import INCLUDE, fields

from bankapp.schemas.base import BaseSchema


class Problem(BaseSchema):
    """What went wrong, for people in ``title`` and ``detail``, for programs in ``code``."""

    class Meta:
        # Some problems have members of their own (RFC 9457 §3.2).
        unknown = INCLUDE

    type = fields.String(required=True, metadata={"format": "uri", "example": "urn:bankapp:problem:insufficient_funds"})
    title = fields.String(required=True, metadata={"example": "Insufficient funds"})
    status = fields.Integer(required=True, metadata={"example": 422})
    detail = fields.String(required=True, metadata={"example": "The available balance does not cover the amount."})
    instance = fields.String(required=True, metadata={"example": "/v1/transfers"})
    code = fields.String(required=True, metadata={"example": "insufficient_funds"})
    request_id = fields.String(required=True, metadata={"example": "5f0c3a1e9b7d4c2a"})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={
            "description": "Field → messages, on 422.",
            "example": {"amount": ["Not a valid integer."]},
        },
    )
