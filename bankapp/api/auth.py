"""Sign-up, sign-in, sign-out and sessions."""

from __future__ import annotations

from typing import Any

from bankapp import errors
from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation
from bankapp.api.limits import LOGIN, REFRESH, SIGNUP
from bankapp.api.security import token_pair
from bankapp.listing import Page, Window
from bankapp.models import SessionRecord, UserRecord
from bankapp.schemas import auth as schemas
from bankapp.services.identity import auth, sessions, tokens
from bankapp.services.identity.auth import Person

blueprint = Blueprint("auth", __name__, "Sign-up, sign-in, sign-out and sessions")


@blueprint.operation(
    Operation(
        "POST",
        "/auth/signup",
        access=Access.PUBLIC,
        scope=NO_KEYS,
        body=schemas.Signup,
        answer=schemas.SignedUp,
        status=201,
        limits=SIGNUP,
        errors=[errors.EmailTaken],
    )
)
def signup(new: dict[str, Any]) -> dict[str, Any]:
    """Sign up

    Creates a user with the role `customer`. With `first_name`, `last_name` and `dob` it also creates the account
    holder, in the same transaction.
    """
    person = Person(new["first_name"], new["last_name"], new["dob"]) if "dob" in new else None
    user, holder = auth.signup(new["email"], new["password"], person)
    return {"user": user, "account_holder": holder}


@blueprint.operation(
    Operation(
        "POST",
        "/auth/login",
        access=Access.PUBLIC,
        scope=NO_KEYS,
        body=schemas.Login,
        answer=schemas.TokenPair,
        limits=LOGIN,
        errors=[errors.InvalidCredentials, errors.OtpRequired],
    )
)
def login(credentials: dict[str, Any]) -> dict[str, Any]:
    """Sign in

    A wrong e-mail and a wrong password get the same answer, after the same time. A user with a second factor gets
    `otp_required` until the request has `otp`: the code of the authenticator app, or a recovery code.
    """
    return token_pair(auth.login(**credentials))


@blueprint.operation(
    Operation(
        "POST",
        "/auth/refresh",
        access=Access.PUBLIC,
        scope=NO_KEYS,
        body=schemas.Refresh,
        answer=schemas.TokenPair,
        limits=REFRESH,
        errors=[errors.RefreshTokenInvalid, errors.RefreshTokenReused],
    )
)
def refresh(body: dict[str, Any]) -> dict[str, Any]:
    """Exchange the refresh token for a new pair

    The old refresh token is revoked at once. Using it again revokes the whole session.
    """
    return token_pair(tokens.refresh(body["refresh_token"]))


@blueprint.operation(Operation("POST", "/auth/logout", access=Access.USER, scope=NO_KEYS, status=204))
def logout() -> None:
    """Sign out

    Revokes the access token and its session at once.
    """
    sessions.logout()


@blueprint.operation(Operation("GET", "/auth/me", access=Access.USER, scope=NO_KEYS, answer=schemas.User))
def me() -> UserRecord:
    """Read the signed-in user"""
    return auth.me()


@blueprint.operation(
    Operation(
        "POST",
        "/auth/password",
        access=Access.USER,
        scope=NO_KEYS,
        body=schemas.PasswordChange,
        status=204,
        errors=[errors.InvalidCredentials, errors.RateLimited],
    )
)
def change_password(change: dict[str, Any]) -> None:
    """Change the password

    Revokes every other session.
    """
    auth.change_password(change["current_password"], change["new_password"])


@blueprint.operation(
    Operation(
        "GET", "/auth/sessions", access=Access.USER, scope=NO_KEYS, query=schemas.SessionQuery, answer=schemas.Session
    )
)
def list_sessions(window: Window) -> Page[SessionRecord]:
    """List your open sessions"""
    return sessions.live(window)


@blueprint.operation(
    Operation("DELETE", "/auth/sessions/<id:session_id>", access=Access.USER, scope=NO_KEYS, status=204)
)
def revoke_session(session_id: str) -> None:
    """End one session"""
    sessions.end(session_id)


@blueprint.operation(Operation("DELETE", "/auth/sessions", access=Access.USER, scope=NO_KEYS, status=204))
def revoke_sessions() -> None:
    """End all sessions, including this one"""
    sessions.end_all()
