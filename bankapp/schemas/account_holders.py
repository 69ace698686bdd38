"""Wire shapes of account holders."""

from __future__ import annotations

from bankapp.schemas.base import BaseSchema, Day, Email, Identifier, Text, Timestamp
from bankapp.schemas.pagination import PageQuery


class NewAccountHolder(BaseSchema):
    """The person behind a user."""

    first_name = Text(max_length=100, required=True, metadata={"example": "Ada"})
    last_name = Text(max_length=100, required=True, metadata={"example": "Lovelace"})
    dob = Day(example="1990-12-10", required=True)


class AccountHolderChange(BaseSchema):
    """What of an account holder is to change."""

    first_name = Text(max_length=100, metadata={"example": "Ada"})
    last_name = Text(max_length=100, metadata={"example": "King"})
    dob = Day(example="1990-12-10")


class AccountHolder(NewAccountHolder):
    """An account holder."""

    id = Identifier()
    user_id = Identifier()
    created_at = Timestamp()

    class Meta(BaseSchema.Meta):
        fields = ("id", "user_id", "first_name", "last_name", "dob", "created_at")


class AccountHolderQuery(PageQuery):
    """How staff narrow the list."""

    email = Email()
    name = Text(max_length=200, metadata={"description": "A part of the full name.", "example": "lovel"})
