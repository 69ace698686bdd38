"""Wire shapes of API keys."""

from __future__ import annotations

import ipaddress
import re
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from bankapp.endpoints import Scope
from bankapp.schemas.auth import current_password, one_time_password
from bankapp.schemas.base import EXAMPLE_ID, BaseSchema, Choice, Identifier, StrictInteger, Timestamp
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import FreeText
from bankapp.services.identity import api_key_secrets
from bankapp.services.identity.api_keys import MAX_OVERLAP

MAX_ENTRIES: Final = 100
_NETWORK: Final = re.compile("[0-9A-Fa-f.:]{2,45}(/[0-9]{1,3})?")
EXAMPLE_SECRET: Final = "bk_test_" + 49 * "0"
"""An example in the documentation; its checksum is wrong, so that secret scanners do not report it."""


class Network(fields.String):
    """An IPv4 or IPv6 network in CIDR notation, or one address, which stands for a network of that address."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"example": "203.0.113.0/24", "pattern": f"^{_NETWORK.pattern}$"}
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        try:
            if not _NETWORK.fullmatch(text):
                raise ValueError(text)
            network = ipaddress.ip_network(text)
        except ValueError:
            raise ValidationError("Not a network such as 203.0.113.0/24 or 2001:db8::/32.") from None
        if isinstance(network, ipaddress.IPv6Network) and network[0].ipv4_mapped:
            # The address of a client is never a mapped one (see bankapp.api.requests).
            raise ValidationError("Write an IPv4 network as IPv4.")
        return str(network)


def _list(inner: fields.Field[Any], **kwargs: Any) -> fields.List[Any]:
    metadata = {"uniqueItems": True} | kwargs.pop("metadata", {})
    return fields.List(inner, validate=[validate.Length(1, MAX_ENTRIES), _distinct], metadata=metadata, **kwargs)


def _distinct(values: list[Any]) -> None:
    if len(set(values)) < len(values):
        raise ValidationError("Must not repeat an entry.")


def _scope() -> Choice:
    return Choice("Scope", *(scope.value for scope in Scope))


class NewApiKey(BaseSchema):
    """A key to make. Without ``account_ids`` it is for all of the user's accounts, present and future."""

    name = FreeText(max_length=80, required=True, metadata={"example": "Payroll"})
    scopes = _list(_scope(), required=True, metadata={"example": ["accounts:read", "transfers:write"]})
    account_ids = _list(Identifier(), load_default=None, allow_none=True, metadata={"example": None})
    ip_allowlist = _list(Network(), load_default=None, allow_none=True, metadata={"example": ["203.0.113.0/24"]})
    expires_at = Timestamp(required=True)
    password = current_password()
    otp = one_time_password(load_default=None, allow_none=True)


class Roll(BaseSchema):
    """How long the secret until now still counts, and the proof that the user is asking."""

    overlap_seconds = StrictInteger(
        required=True,
        validate=validate.Range(0, int(MAX_OVERLAP.total_seconds())),
        metadata={"description": "How many seconds the secret until now still counts.", "example": 86400},
    )
    password = current_password()
    otp = one_time_password(load_default=None, allow_none=True)


class ApiKey(BaseSchema):
    """An API key. Its secret ends with ``last4``; the one before the last roll counts until ``previous_expires_at``."""

    id = Identifier()
    name = fields.String(metadata={"example": "Payroll"})
    scopes = fields.List(fields.String(), metadata={"example": ["accounts:read", "transfers:write"]})
    account_ids = fields.List(Identifier(), allow_none=True, metadata={"example": [EXAMPLE_ID]})
    ip_allowlist = fields.List(fields.String(), allow_none=True, metadata={"example": ["203.0.113.0/24"]})
    last4 = fields.String(metadata={"example": "k3Qz"})
    created_at = Timestamp()
    expires_at = Timestamp()
    previous_expires_at = Timestamp(allow_none=True)
    last_used_at = Timestamp(allow_none=True)
    revoked_at = Timestamp(allow_none=True)


class ApiKeyWithSecret(ApiKey):
    """A key with its secret, which only this answer has."""

    secret = fields.String(metadata={"example": EXAMPLE_SECRET, "pattern": f"^{api_key_secrets.PATTERN}$"})

    def get_attribute(self, obj: Any, attr: str, default: Any) -> Any:
        """Read the secret beside the key, everything else from it."""
        return super().get_attribute(obj if attr == "secret" else obj.key, attr, default)


class ApiKeyQuery(PageQuery):
    """The list of keys."""
