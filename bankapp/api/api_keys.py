"""API keys: secrets with which servers use the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bankapp import errors
from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation
from bankapp.listing import Page, Window
from bankapp.models import ApiKeyRecord
from bankapp.schemas import api_keys as schemas
from bankapp.services.identity import api_keys
from bankapp.services.identity.api_keys import NewKey

blueprint = Blueprint("api-keys", __name__, "API keys for servers")

_PROOF_REFUSALS = (errors.InvalidCredentials, errors.OtpRequired, errors.RateLimited)


@blueprint.operation(
    Operation(
        "POST",
        "/api-keys",
        access=Access.USER,
        scope=NO_KEYS,
        body=schemas.NewApiKey,
        answer=schemas.ApiKeyWithSecret,
        status=201,
        errors=(*_PROOF_REFUSALS, errors.LimitExceeded),
    )
)
def create_api_key(new: dict[str, Any]) -> NewKey:
    """Create an API key

    A server sends the `secret` like an access token. Only this answer has it; it is not stored. A key acts as the user
    who made it, within its scopes, accounts and networks. It expires after at most 366 days. It can neither sign in nor
    make keys, and never has the power of staff. You may have 50 keys that are neither revoked nor expired.
    `Idempotency-Key` has no effect here: after a lost answer revoke the key and create another.
    """
    return api_keys.create(**new)


@blueprint.operation(
    Operation(
        "GET",
        "/api-keys",
        access=Access.USER,
        scope=NO_KEYS,
        query=schemas.ApiKeyQuery,
        answer=schemas.ApiKey,
    )
)
def list_api_keys(window: Window) -> Page[ApiKeyRecord]:
    """List your API keys

    With those that are revoked or expired.
    """
    return api_keys.search(window)


@blueprint.operation(
    Operation("GET", "/api-keys/<id:api_key_id>", access=Access.USER, scope=NO_KEYS, answer=schemas.ApiKey)
)
def read_api_key(api_key_id: str) -> ApiKeyRecord:
    """Read an API key"""
    return api_keys.get(api_key_id)


@blueprint.operation(
    Operation(
        "POST",
        "/api-keys/<id:api_key_id>/roll",
        access=Access.USER,
        scope=NO_KEYS,
        body=schemas.Roll,
        answer=schemas.ApiKeyWithSecret,
        errors=[*_PROOF_REFUSALS, errors.StateConflict],
    )
)
def roll_api_key(roll: dict[str, Any], api_key_id: str) -> NewKey:
    """Give an API key a new secret

    The secret until now counts for `overlap_seconds` more, so that a server can change over. A secret from an earlier
    roll ends at once.
    """
    overlap = timedelta(seconds=roll["overlap_seconds"])
    return api_keys.roll(api_key_id, overlap, password=roll["password"], otp=roll["otp"])


@blueprint.operation(Operation("DELETE", "/api-keys/<id:api_key_id>", access=Access.USER, scope=NO_KEYS, status=204))
def revoke_api_key(api_key_id: str) -> None:
    """Revoke an API key

    The next request with any of its secrets is refused. A key that is revoked already stays so.
    """
    api_keys.revoke(api_key_id)
