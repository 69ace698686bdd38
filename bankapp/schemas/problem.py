"""The wire shape of every error: problem+json (RFC 9457)."""

from __future__ import annotations

from marshmallow import fields

from bankapp.schemas.base import BaseSchema


class Problem(BaseSchema):
    """What went wrong, for people in ``title`` and ``detail``, for programs in ``code``."""

    type = fields.String(metadata={"format": "uri", "example": "urn:bankapp:problem:insufficient_funds"})
    title = fields.String(metadata={"example": "Insufficient funds"})
    status = fields.Integer(metadata={"example": 422})
    detail = fields.String(metadata={"example": "The available balance does not cover the amount."})
    instance = fields.String(metadata={"example": "/v1/transfers"})
    code = fields.String(metadata={"example": "insufficient_funds"})
    request_id = fields.String(metadata={"example": "5f0c3a1e9b7d4c2a"})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={
            "description": "Field → messages, on 422.",
            "example": {"amount": ["Not a valid integer."]},
        },
    )
