"""Wire shapes of sign-up, sign-in and sessions."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

from marshmallow import ValidationError, fields, validates_schema

from bankapp import context
from bankapp.context import ROLES
from bankapp.schemas.account_holders import AccountHolder, birthday
from bankapp.schemas.base import BaseSchema, Choice, Email, Identifier, Timestamp
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import FreeText, Text
from bankapp.services.identity.passwords import MAX_LENGTH, MIN_LENGTH

EXAMPLE_PASSWORD: Final = "violet-otter-sings-17"  # noqa: S105 - an example in the documentation
EXAMPLE_REFRESH_TOKEN: Final = "pX3v…"  # noqa: S105 - as above
PERSON: Final = ("first_name", "last_name", "dob")


def password(**kwargs: Any) -> Text:
    """Return the field for a password that is being set."""
    return Text(
        min_length=MIN_LENGTH,
        max_length=MAX_LENGTH,
        trim=False,
        required=True,
        load_only=True,
        metadata={"example": EXAMPLE_PASSWORD, "format": "password"},
        **kwargs,
    )


class Signup(BaseSchema):
    """A new user; with all three personal fields an account holder, too."""

    email = Email(required=True)
    password = password()
    first_name = FreeText(max_length=100, metadata={"example": "Ada"})
    last_name = FreeText(max_length=100, metadata={"example": "Lovelace"})
    dob = birthday()

    rules = MappingProxyType(
        {"dependentRequired": {name: [other for other in PERSON if other != name] for name in PERSON}}
    )

    @validates_schema
    def all_or_none(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse some but not all of the personal fields."""
        missing = [name for name in PERSON if name not in data]
        if missing and len(missing) < len(PERSON):
            raise ValidationError({name: ["Give all of first_name, last_name and dob, or none."] for name in missing})


class User(BaseSchema):
    """A user. The e-mail address is as it is stored, some under older rules."""

    id = Identifier()
    email = fields.String(metadata={"format": "idn-email", "example": "ada@example.com"})
    role = Choice("Role", *ROLES)
    created_at = Timestamp()


class SignedUp(BaseSchema):
    """What signing up made."""

    user = fields.Nested(User)
    account_holder = fields.Nested(AccountHolder, allow_none=True)


def current_password() -> Text:
    """Return the field for a password that was set before, possibly under other rules."""
    return Text(
        max_length=1024,
        trim=False,
        required=True,
        metadata={"example": EXAMPLE_PASSWORD, "format": "password"},
    )


def one_time_password(**kwargs: Any) -> Text:
    """Return the field for a code of the second factor, or a recovery code."""
    return Text(max_length=64, metadata={"example": "492039"}, **kwargs)


class Login(BaseSchema):
    """What signs a user in; ``otp`` where a second factor is on."""

    email = Text(max_length=254, required=True, metadata={"example": "ada@example.com"})
    password = current_password()
    otp = one_time_password(load_default=None, allow_none=True)


class Refresh(BaseSchema):
    """A refresh token to exchange."""

    refresh_token = Text(max_length=4096, required=True, metadata={"example": EXAMPLE_REFRESH_TOKEN})


class TokenPair(BaseSchema):
    """An access token, and the refresh token that renews it. Durations are seconds."""

    access_token = fields.String(metadata={"example": "eyJhbGciOiJIUzI1NiIs…"})
    refresh_token = fields.String(metadata={"example": EXAMPLE_REFRESH_TOKEN})
    token_type = fields.String(metadata={"example": "Bearer"})
    expires_in = fields.Integer(metadata={"example": 600})
    refresh_expires_in = fields.Integer(metadata={"example": 43200})


class PasswordChange(BaseSchema):
    """The old password and the new one."""

    current_password = current_password()
    new_password = password()


class Session(BaseSchema):
    """One sign-in on one device."""

    id = Identifier()
    device_id = fields.String(allow_none=True, metadata={"example": "laptop-4711"})
    ip_address = fields.String(allow_none=True, metadata={"example": "203.0.113.7"})
    created_at = Timestamp()
    last_used_at = Timestamp()
    expires_at = Timestamp()
    current = fields.Function(
        lambda session: session.id == context.user().session_id, metadata={"type": "boolean", "example": True}
    )


class SessionQuery(PageQuery):
    """The list of sessions."""
