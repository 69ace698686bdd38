"""The base of every wire shape, and the fields with the API's strictness."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, ClassVar, Final

from marshmallow import RAISE, Schema, ValidationError, fields, missing, validate

from bankapp import clock, emails, ids, money

EXAMPLE_ID: Final = "0193a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b"
EXAMPLE_TIME: Final = "2026-11-24T09:30:00.000000Z"

# Also the patterns of the document, so in words that every language's regular expressions have.
_DATE_PATTERN: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME_PATTERN: Final = (
    rf"{_DATE_PATTERN}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,6}})?(Z|[+-][0-9]{{2}}:[0-9]{{2}})"
)
_EMAIL_PATTERN: Final = r"^[^@\u0000-\u0020\u007f]+@[^@\u0000-\u0020\u007f]+$"

_TIME = re.compile(_TIME_PATTERN)
_DATE = re.compile(_DATE_PATTERN)
_DIGITS = re.compile(r"[0-9]{1,18}")


class BaseSchema(Schema):
    """A JSON object with exactly the fields it declares: an unknown one is an error."""

    optional: ClassVar[frozenset[str]] = frozenset()
    """The fields that an answer may do without: one that has no value is left out."""

    body_required: ClassVar[bool] = True
    """Whether a request must have a body where this is its shape; without one it is read as ``{}``."""

    rules: ClassVar[Mapping[str, Any]] = {}
    """What the document says of several fields together, in JSON Schema; the schema's validators check the same."""

    alternatives: ClassVar[Mapping[str, str]] = {}
    """Fields of which a request has exactly one, by the name that the document gives the schema with that field."""

    class Meta:
        unknown = RAISE


class QuerySchema(BaseSchema):
    """The parameters of a query string, where a value may be left out and is never null."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:
        """Refuse null, which marshmallow allows wherever the default is None."""
        field_obj.allow_none = False


class Identifier(fields.String):
    """An id: UUID, lower case."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "uuid", "pattern": f"^{ids.PATTERN}$", "example": EXAMPLE_ID}
        metadata |= kwargs.pop("metadata", {})
        super().__init__(metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or not ids.is_id(value):
            raise ValidationError("Not a valid id.")
        return value


class StrictInteger(fields.Integer):
    """A JSON integer: ``true``, ``1.0`` and ``"1"`` are none."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class StrictBoolean(fields.Boolean):
    """A JSON ``true`` or ``false``: ``1``, ``"yes"`` and the like are none."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> bool:
        if type(value) is not bool:
            raise self.make_error("invalid", input=value)
        return value


class QueryInteger(fields.Integer):
    """An integer in a query string: plain digits."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> int:
        if not isinstance(value, str) or not _DIGITS.fullmatch(value):
            raise self.make_error("invalid")
        return int(value)


class Amount(StrictInteger):
    """An amount of money in minor units, 1 to 10^12."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("validate", validate.Range(1, money.MAX_AMOUNT))
        metadata = {"description": "Minor units (EUR 12.34 is 1234).", "example": 1234} | kwargs.pop("metadata", {})
        super().__init__(metadata=metadata, **kwargs)


class Money(fields.Integer):
    """A balance in minor units, on the way out."""

    def __init__(self, example: int = 150000, **kwargs: Any) -> None:
        super().__init__(metadata={"description": "Minor units.", "example": example}, **kwargs)


class CurrencyCode(fields.String):
    """An ISO 4217 code accounts may be held in."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(metadata={"example": "EUR", "pattern": "^[A-Z]{3}$"}, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str) or value not in money.currencies():
            raise ValidationError("Not an ISO 4217 currency code.")
        return value


class Choice(fields.String):
    """One of a few words. ``name`` is that of the list of words in the document."""

    def __init__(self, name: str, *choices: str, **kwargs: Any) -> None:
        self.choices_name, self.choices = name, choices
        metadata = {"example": choices[0]} | kwargs.pop("metadata", {})
        super().__init__(validate=validate.OneOf(choices), metadata=metadata, **kwargs)


class Email(fields.Email):
    """An e-mail address in the one spelling it is known under, at most 254 characters."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            validate=validate.Length(max=254),
            metadata={"example": "ada@example.com", "format": "idn-email", "pattern": _EMAIL_PATTERN},
            **kwargs,
        )

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        try:
            # Before it is measured: some characters become two.
            spelling = emails.canonical(value)
        except ValueError:
            raise self.make_error("invalid") from None
        email: str = super()._deserialize(spelling, attr, data, **kwargs)
        if len(email.rpartition("@")[0].encode()) > 64:  # RFC 5321 §4.5.3.1.1
            raise self.make_error("invalid")
        return email


class Timestamp(fields.String):
    """A time: RFC 3339 with zone on the way in, UTC ending in ``Z`` on the way out."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {"format": "date-time", "pattern": f"^{_TIME_PATTERN}$", "example": EXAMPLE_TIME}
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else clock.to_text(value)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> datetime:  # type: ignore[override]  # text on the wire, a time inside
        # A "+" in a query string arrives as a space.
        text = value.replace(" ", "+") if isinstance(value, str) else ""
        try:
            if not _TIME.fullmatch(text):
                raise ValueError(text)
            return datetime.fromisoformat(text).astimezone(UTC)
        except (ValueError, OverflowError):
            raise ValidationError("Not an RFC 3339 time with zone, such as 2026-11-24T09:30:00Z.") from None


class Day(fields.String):
    """A date, ``YYYY-MM-DD``."""

    def __init__(self, example: str = "2026-11-24", **kwargs: Any) -> None:
        metadata = {"format": "date", "pattern": f"^{_DATE_PATTERN}$", "example": example} | kwargs.pop("metadata", {})
        super().__init__(metadata=metadata, **kwargs)

    def _serialize(self, value: Any, attr: Any, obj: Any, **kwargs: Any) -> str | None:
        return None if value is None else value.isoformat()

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> date:  # type: ignore[override]  # text on the wire, a date inside
        try:
            if not isinstance(value, str) or not _DATE.fullmatch(value):
                raise ValueError(value)
            return date.fromisoformat(value)
        except ValueError:
            raise ValidationError("Not a date such as 2026-11-24.") from None


def example_of(schema: Schema) -> dict[str, Any]:
    """Return an example of ``schema``, put together from those of its fields; one without is left out."""
    examples = {field.data_key or name: _example(field) for name, field in schema.fields.items()}
    return {name: example for name, example in examples.items() if example is not missing}


def _example(field: fields.Field[Any]) -> Any:
    if "example" in field.metadata:
        return field.metadata["example"]
    if isinstance(field, fields.Nested):
        return [example_of(field.schema)] if field.many else example_of(field.schema)
    if isinstance(field, fields.List):
        return [_example(field.inner)]
    return missing
