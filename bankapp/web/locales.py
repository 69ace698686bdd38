"""The viewer's locale, which the browser names in Accept-Language: how dates and numbers are written.

The words of the pages stay English. Digits are 0 to 9 in every locale.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from flask import has_request_context, request

if TYPE_CHECKING:
    from babel import Locale

DEFAULT: Final = "en_GB"

# A locale that is used takes about 1 MB in each worker, so only these are. For a language with several, the first one
# stands for all that are not listed.
KNOWN: Final = (
    *("en_US", "en_GB", "en_AU", "en_CA", "en_IE", "en_IN"),
    *("de", "de_AT", "fr", "it", "es", "pt", "pt_BR", "nl", "da", "nb", "sv", "fi"),
    *("bg", "cs", "el", "et", "hr", "hu", "lt", "lv", "pl", "ro", "sk", "sl", "tr", "uk", "ja"),
)


def locale() -> Locale:
    """Return the first known locale that the request accepts, or British English, as outside of a request."""
    return _known(request.headers.get("Accept-Language", "")[:200] if has_request_context() else "")


@lru_cache(maxsize=256)
def _known(header: str) -> Locale:
    # Only the pages need it, and it takes some megabytes.
    from babel import Locale  # noqa: PLC0415 - see above
    from werkzeug.datastructures import LanguageAccept  # noqa: PLC0415 - as above
    from werkzeug.http import parse_accept_header  # noqa: PLC0415 - as above

    for tag in parse_accept_header(header, LanguageAccept).values():
        wanted = tag.replace("-", "_")
        language = wanted.partition("_")[0].lower()
        for name in KNOWN:
            if name.lower() == wanted.lower():
                return Locale.parse(name)
        for name in KNOWN:
            if name.partition("_")[0] == language:
                return Locale.parse(name)
    return Locale.parse(DEFAULT)


def decimal_point() -> str:
    """Return what separates the decimals: ``.`` or ``,``."""
    return str(locale().number_symbols["latn"]["decimal"])
