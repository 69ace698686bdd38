"""Wire shapes of annotations."""

from __future__ import annotations

from typing import Any, Final

from marshmallow import ValidationError, fields, validate

from bankapp import categories
from bankapp.schemas.base import BaseSchema, Timestamp
from bankapp.schemas.texts import FreeText

MAX_TAGS: Final = 10
MAX_TAG_LENGTH: Final = 30
MAX_NOTES_LENGTH: Final = 500


class Category(fields.String):
    """A built-in category, or a word of the customer's own."""

    def __init__(self, **kwargs: Any) -> None:
        metadata = {
            "description": f"One of {', '.join(categories.BUILT_IN)}; or your own.",
            "example": "groceries",
        }
        super().__init__(
            validate=[
                validate.Length(1, categories.MAX_LENGTH),
                validate.Regexp(rf"{categories.PATTERN}\Z", error="Must be lower-case words such as eating_out."),
            ],
            metadata=metadata | {"pattern": f"^{categories.PATTERN}$"},
            **kwargs,
        )


class Tag(FreeText):
    """A tag: at most 30 characters, in lower case, with single spaces, and with a letter or digit."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_TAG_LENGTH, metadata={"example": "holiday"}, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, attr, data, **kwargs)
        return " ".join(text.lower().split())

    def _checked(self, text: str) -> str:
        if not any(character.isalnum() for character in text):
            raise ValidationError("Must contain a letter or digit.")
        return super()._checked(text)


def _check_different(tags: list[str]) -> None:
    if len(set(tags)) < len(tags):
        raise ValidationError("Must not contain a tag twice; case and spaces do not count.")


class NewAnnotation(BaseSchema):
    """The new content of an annotation. A field that is missing is emptied."""

    category = Category(load_default=None, allow_none=True)
    notes = FreeText(
        max_length=MAX_NOTES_LENGTH, load_default=None, allow_none=True, metadata={"example": "Shared with Grace"}
    )
    tags = fields.List(
        Tag(),
        load_default=list,
        validate=[validate.Length(max=MAX_TAGS), _check_different],
        metadata={"uniqueItems": True, "example": ["holiday"]},
    )


class Remarks(BaseSchema):
    """Your own annotation of a transaction."""

    category = fields.String(allow_none=True, metadata={"example": "groceries"})
    notes = fields.String(allow_none=True, metadata={"example": "Shared with Grace"})
    tags = fields.List(fields.String(), metadata={"example": ["holiday"]})


class Annotation(Remarks):
    """The annotation of a transaction; one that was never written is empty and has version 0 as its ETag."""

    updated_at = Timestamp(allow_none=True)
