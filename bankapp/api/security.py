"""Who may call: each endpoint's declared access, and the token that proves who is asking."""

from __future__ import annotations

from typing import Any, Final

from flask import Flask, current_app, request
from flask_jwt_extended import create_access_token, get_jwt, verify_jwt_in_request
from flask_jwt_extended.exceptions import JWTExtendedException, NoAuthorizationError
from jwt import ExpiredSignatureError, InvalidTokenError, PyJWTError

from bankapp import context, errors, ids
from bankapp.endpoints import Access
from bankapp.extensions import jwt
from bankapp.services import auth
from bankapp.services.auth import Grant

REQUIRED_CLAIMS: Final = frozenset({"sub", "jti", "sid", "exp", "iat", "nbf", "iss", "aud", "type"})


def access_of(endpoint: str) -> Access | None:
    """Return the declared access of an endpoint, or None where none is declared."""
    declared: Access | None = getattr(current_app.view_functions[endpoint], "access", None)
    return declared


def init_app(app: Flask) -> None:
    """Check the token before anything else of a request is looked at; no declared access means no entry."""
    jwt.init_app(app)

    @app.before_request
    def check_access() -> None:
        if request.endpoint is None or request.method == "OPTIONS":
            return
        access = access_of(request.endpoint)
        if access is Access.PUBLIC:
            return
        user = authenticate()
        if access is None or (access is Access.STAFF and not user.is_staff):
            raise errors.Forbidden("Your role does not allow this.")


def authenticate() -> context.User:
    """Find out who is asking and put them into the context. Raises an Unauthenticated error."""
    try:
        verify_jwt_in_request()
    except ExpiredSignatureError:
        raise errors.TokenExpired("The access token has expired; refresh it.") from None
    except NoAuthorizationError:
        if request.headers.get("Authorization"):
            raise errors.TokenInvalid("The Authorization header must be: Bearer and an access token.") from None
        raise errors.TokenMissing("Sign in and send the access token as Authorization: Bearer.") from None
    except (JWTExtendedException, PyJWTError, ValueError):
        raise errors.TokenInvalid("The access token is not valid.") from None
    claims = get_jwt()
    user = auth.authenticate(claims["jti"])
    if user.id != claims["sub"] or user.session_id != claims["sid"]:
        raise errors.TokenInvalid("The access token is not valid.")
    context.update(user=user)
    return user


@jwt.decode_key_loader
def _decode_key(_headers: dict[str, Any], payload: dict[str, Any]) -> str:
    # The extension accepts tokens without some of these claims, or fills them in.
    if not payload.keys() >= REQUIRED_CLAIMS:
        raise InvalidTokenError("a claim is missing")
    if payload["type"] != "access" or not (isinstance(payload["jti"], str) and ids.is_id(payload["jti"])):
        raise InvalidTokenError("not an access token of this service")
    return context.config().jwt_secrets[0]


def token_pair(grant: Grant) -> dict[str, Any]:
    """Return the wire form of a grant: a signed access token and the refresh token, lifetimes in seconds."""
    access_token = create_access_token(
        grant.user_id,
        expires_delta=grant.expires_at - grant.issued_at,
        additional_claims={"jti": grant.jti, "sid": grant.session_id},
    )
    return {
        "access_token": access_token,
        "refresh_token": grant.refresh_token,
        "token_type": "Bearer",
        "expires_in": int((grant.expires_at - grant.issued_at).total_seconds()),
        "refresh_expires_in": int((grant.refresh_expires_at - grant.issued_at).total_seconds()),
    }
