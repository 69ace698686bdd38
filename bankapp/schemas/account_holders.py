"""Wire shapes of account holders."""

from __future__ import annotations

from datetime import date
from typing import Any, Final

from marshmallow import ValidationError, fields

from bankapp import clock
from bankapp.schemas.base import BaseSchema, Day, Email, Identifier, Timestamp
from bankapp.schemas.pagination import PageQuery
from bankapp.schemas.texts import FreeText
from bankapp.services.account_holders import ADULT_YEARS

OLDEST_YEARS: Final = 150
"""More than anybody has lived, so what lies before is a mistake."""


def birthday(**kwargs: Any) -> Day:
    """Return the field for a date of birth. The service checks that it is an adult's."""
    description = f"At least {ADULT_YEARS} and at most {OLDEST_YEARS} years ago (UTC)."
    return Day(example="1990-12-10", validate=_check_birthday, metadata={"description": description}, **kwargs)


def _check_birthday(day: date) -> None:
    today = clock.now().date()
    if (day.year + OLDEST_YEARS, day.month, day.day) < (today.year, today.month, today.day):
        raise ValidationError(f"Must be at most {OLDEST_YEARS} years ago.")


class NewAccountHolder(BaseSchema):
    """The person behind a user."""

    first_name = FreeText(max_length=100, required=True, metadata={"example": "Ada"})
    last_name = FreeText(max_length=100, required=True, metadata={"example": "Lovelace"})
    dob = birthday(required=True)


class AccountHolderChange(BaseSchema):
    """What of an account holder is to change."""

    first_name = FreeText(max_length=100, metadata={"example": "Ada"})
    last_name = FreeText(max_length=100, metadata={"example": "King"})
    dob = birthday()


class AccountHolder(BaseSchema):
    """An account holder. Names are as they were given, some under older rules."""

    id = Identifier()
    user_id = Identifier()
    first_name = fields.String(metadata={"example": "Ada"})
    last_name = fields.String(metadata={"example": "Lovelace"})
    dob = Day(example="1990-12-10")
    created_at = Timestamp()


class AccountHolderQuery(PageQuery):
    """How staff narrow the list."""

    email = Email()
    name = FreeText(max_length=200, metadata={"description": "A part of the full name.", "example": "lovel"})
