"""Fields for text: what people write, and tokens and codes that are compared as they are."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from marshmallow import ValidationError, fields, validate

# Classes of characters, written as they stand between the brackets of a regular expression of any language.
_NUL: Final = r"\u0000"
_SPACES: Final = r"\u0020\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_CONTROLS: Final = r"\u0000-\u001f\u007f-\u009f"
_BREAKS: Final = rf"{_CONTROLS}\u2028\u2029"
"""Controls, and the separators of lines and paragraphs."""

_TURNS: Final = r"\u202a-\u202e\u2066-\u2069"
"""Embeddings, overrides and isolates (UAX #9 §2): they change how the text around a text is shown, too."""

_MARKS: Final = r"\u061c\u200e\u200f"
"""Marks of direction (UAX #9 §2.6). One is part of a text in Hebrew or Arabic; a row of them hides something."""

_UNSEEN: Final = (
    rf"{_SPACES}{_MARKS}\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u206f\u2800\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    # Accents and the like, which have no width of their own.
    r"\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
)
"""Characters that show nothing by themselves: spaces, Default_Ignorable_Code_Point (UAX #44), blank fillers."""

_SIGNS: Final = r"A-Za-z0-9\-?:().,'+"
_IDENTIFIER: Final = rf"^[{_SIGNS}]((/?[{_SIGNS} ])*/?[{_SIGNS}])?$"

_CONTROL = re.compile(f"[{_CONTROLS}]")
_BREAK = re.compile(f"[{_BREAKS}]")
_TURN = re.compile(f"[{_TURNS}]|[{_MARKS}]{{2}}")
# Those beyond U+FFFF are not in the pattern of the document, because languages write them differently.
_SEEN = re.compile(rf"[^{_UNSEEN}\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]")


class Text(fields.String):
    """A string of ``min_length`` to ``max_length`` characters after trimming, in NFC, without control characters."""

    def __init__(self, *, min_length: int = 1, max_length: int, trim: bool = True, **kwargs: Any) -> None:
        self.trim = trim
        metadata = {"pattern": self._pattern()} | kwargs.pop("metadata", {})
        super().__init__(validate=validate.Length(min_length, max_length), metadata=metadata, **kwargs)

    def _pattern(self) -> str:
        if not self.trim:
            return f"^[^{_NUL}]*$"
        return f"^[^{_CONTROLS}]*[^{_CONTROLS}{_SPACES}][^{_CONTROLS}]*$"

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        text = unicodedata.normalize("NFC", value)
        return self._checked(text.strip()) if self.trim else text

    def _checked(self, text: str) -> str:
        if _CONTROL.search(text):
            raise ValidationError("Must not contain control characters.")
        return text


class FreeText(Text):
    """Text that people write and other people read: a name, a description.

    It can be seen, has one line, and does not turn the direction of the text around it. Joiners (U+200C, U+200D) may
    stand in it, because Persian, the scripts of India and emoji need them.
    """

    def _pattern(self) -> str:
        one = f"[{_MARKS}]?[^{_MARKS}{_BREAKS}{_TURNS}]"
        seen = f"[{_MARKS}]?[^{_UNSEEN}{_BREAKS}{_TURNS}]"
        return f"^(?:{one})*{seen}(?:{one})*[{_MARKS}]?$"

    def _checked(self, text: str) -> str:
        if _BREAK.search(text):
            raise ValidationError("Must not contain control characters or line breaks.")
        if _TURN.search(text):
            raise ValidationError("Must not contain characters that change the direction of text.")
        if text and not _SEEN.search(text):
            raise ValidationError("Must contain a character that can be seen.")
        return text


class PaymentIdentifier(fields.String):
    """An identifier that travels with a payment: at most 35 characters (ISO 20022, Max35Text), or null.

    It has only the characters that every bank takes (EPC217-08, SEPA character set). It neither begins nor ends with a
    space or a slash and has no two slashes in a row (EPC guidelines on identifiers), because MT messages give these a
    meaning.
    """

    def __init__(self, example: str, **kwargs: Any) -> None:
        metadata = {"pattern": _IDENTIFIER, "minLength": 1, "example": example} | kwargs.pop("metadata", {})
        super().__init__(allow_none=True, validate=validate.Length(max=35), metadata=metadata, **kwargs)

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        if not re.fullmatch(_IDENTIFIER, value):
            raise ValidationError(
                "Must have only letters without accents, digits, spaces and / - ? : ( ) . , ' +;"
                " it must not begin or end with a space or slash, or contain two slashes in a row."
            )
        return value


def description(**kwargs: Any) -> FreeText:
    """Return the field for what a movement of money is for: at most 140 characters."""
    return FreeText(max_length=140, load_default=None, allow_none=True, metadata={"example": "Rent November"}, **kwargs)
