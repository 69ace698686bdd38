"""Who may call an endpoint. The API and the pages declare this by the endpoint's name; one hook checks it."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Access(Enum):
    """The callers of an endpoint. The services decide which rows a caller sees."""

    PUBLIC = "public"
    USER = "user"
    STAFF = "staff"


_ACCESS: Final[dict[str, Access]] = {}


def declare(endpoint: str, access: Access) -> None:
    """Declare who may call ``endpoint`` (Flask's name for it). Without a declaration nothing may call it."""
    _ACCESS[endpoint] = access


def access_of(endpoint: str) -> Access | None:
    """Return who may call ``endpoint``, or None without a declaration."""
    return _ACCESS.get(endpoint)
