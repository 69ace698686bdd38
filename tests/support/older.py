"""What earlier releases stored and this one refuses: it must still be read, shown and written into files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from bankapp.schemas.texts import FreeText


@contextmanager
def any_text() -> Iterator[None]:
    """Accept names and descriptions that cannot be seen or change the direction of text."""
    with patch.object(FreeText, "_checked", lambda _, text: text):
        yield
