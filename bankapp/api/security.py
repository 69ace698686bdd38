"""Who may call: each endpoint's declared access, and the token or API key that proves who is asking."""

from __future__ import annotations

import hmac
import time
from functools import cache, lru_cache
from typing import Any, Final

from flask import Flask, Response, request
from flask_jwt_extended import create_access_token, decode_token
from flask_jwt_extended.exceptions import JWTExtendedException
from jwt import ExpiredSignatureError, InvalidTokenError, PyJWTError

from bankapp import context, endpoints, errors, ids
from bankapp.api import limits
from bankapp.api.errors import respond
from bankapp.endpoints import Access, Scope
from bankapp.extensions import jwt
from bankapp.services.identity import api_key_secrets, api_keys, tokens
from bankapp.services.identity.tokens import Grant

_CLAIM_TYPES: Final[dict[str, type]] = {
    **dict.fromkeys(("sub", "jti", "sid", "iss", "aud", "type"), str),
    # Times are whole seconds (RFC 7519 §2, NumericDate), as this service writes them.
    **dict.fromkeys(("exp", "iat", "nbf"), int),
}
REQUIRED_CLAIMS: Final = frozenset(_CLAIM_TYPES)


def init_app(app: Flask) -> None:
    """Check token or key before anything else of a request is looked at; no declared access means no entry."""
    jwt.init_app(app)
    if app.has_static_folder:
        endpoints.declare("static", Access.PUBLIC)

    leeway = app.config["JWT_DECODE_LEEWAY"]

    @app.before_request
    def check_access() -> None:
        endpoint = request.endpoint
        if endpoint is None or request.method == "OPTIONS":
            return
        access = endpoints.access_of(endpoint)
        if access is Access.PUBLIC:
            return
        token = _bearer_token()
        if token.startswith(api_key_secrets.PREFIX):
            _present_key(token, endpoints.scope_of(endpoint))
        else:
            _present_token(token, leeway)
        if access is Access.USER:
            # The request's first statement checks the token or key; where it has none, finish_authentication does.
            return
        if access is None or not context.user().is_staff:
            raise errors.Forbidden("Your role does not allow this.")

    app.after_request(finish_authentication)


def finish_authentication(response: Response) -> Response:
    """Check token or key where no statement of the request did; a refusal replaces any other answer."""
    current = context.current()
    if current.user is None and current.authenticate is not None and response.status_code not in (401, 503):
        try:
            current.authenticate()
        except errors.BankError as refusal:
            response.close()
            return respond(refusal)
        current = context.current()
    if current.user is not None and current.user.key_use_is_due and current.api_key_id is not None:
        api_keys.note_use(current.api_key_id)
    return response


def _present_key(secret: str, scope: Scope | None) -> None:
    permitted = api_keys.permission(secret)
    # Counted before the key is checked, so that a flood of requests does not reach the database.
    limits.check_api_key(permitted.key_id)
    api_keys.authenticate_request(permitted)
    permitted.check(scope, context.current().ip_address)


def _present_token(token: str, leeway_seconds: int) -> None:
    try:
        claims = _verified(token, context.config().jwt_secrets)
    except ExpiredSignatureError:
        raise errors.TokenExpired("The access token has expired; refresh it.") from None
    except (JWTExtendedException, PyJWTError, ValueError):
        raise errors.TokenInvalid("The access token is not valid.") from None
    if claims["exp"] + leeway_seconds <= time.time():
        raise errors.TokenExpired("The access token has expired; refresh it.")
    tokens.authenticate_request(claims["sub"], claims["sid"], claims["jti"])


@lru_cache(maxsize=4096)
def _verified(token: str, _keys: tuple[str, ...]) -> dict[str, Any]:
    # Who signed a token, and what it says, cannot change, so it is found out once. What can change is looked
    # at every time: the expiry above, and whether the token still counts, which the database says.
    return decode_token(token)


def _bearer_token() -> str:
    # Read here and not by the extension, which knows the scheme in one spelling only (RFC 9110 §11.1: any case).
    header = request.headers.get("Authorization", "")
    if not header:
        raise errors.TokenMissing("Sign in and send the access token as Authorization: Bearer, or send an API key.")
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise errors.TokenInvalid("The Authorization header must be: Bearer and an access token or API key.")
    return token.strip()


@jwt.decode_key_loader
def _decode_key(headers: dict[str, Any], payload: dict[str, Any]) -> str:
    # The extension accepts tokens without some of these claims, or fills them in.
    if not payload.keys() >= REQUIRED_CLAIMS:
        raise InvalidTokenError("a claim is missing")
    if any(type(payload[name]) is not kind for name, kind in _CLAIM_TYPES.items()):
        raise InvalidTokenError("a claim has the wrong type")
    named = (payload["sub"], payload["sid"], payload["jti"])
    if payload["type"] != "access" or not all(ids.is_id(name) for name in named):
        raise InvalidTokenError("not an access token of this service")
    newest, *_ = keys = context.config().jwt_secrets
    found = next((key for key in keys if key_id(key) == headers.get("kid", key_id(newest))), None)
    if found is None:
        raise InvalidTokenError("signed with a key that is none of ours")
    return found


@cache
def key_id(key: str) -> str:
    """Return the ``kid`` (RFC 7515 §4.1.4) by which tokens name the key that signed them; it tells nothing of it."""
    return hmac.digest(key.encode(), b"bankapp key id", "sha256").hex()[:16]


def token_pair(grant: Grant) -> dict[str, Any]:
    """Return the wire form of a grant: a signed access token and the refresh token, lifetimes in seconds."""
    access_token = create_access_token(
        grant.user_id,
        expires_delta=grant.expires_at - grant.issued_at,
        additional_claims={"jti": grant.jti, "sid": grant.session_id},
        additional_headers={"kid": key_id(context.config().jwt_secrets[0])},
    )
    return {
        "access_token": access_token,
        "refresh_token": grant.refresh_token,
        "token_type": "Bearer",
        "expires_in": int((grant.expires_at - grant.issued_at).total_seconds()),
        "refresh_expires_in": int((grant.refresh_expires_at - grant.issued_at).total_seconds()),
    }
