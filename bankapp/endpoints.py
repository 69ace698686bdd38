"""Who may call an endpoint. The API and the pages declare it by the endpoint's name, one hook checks it."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Access(Enum):
    """Who may call an endpoint; which rows a caller sees is decided by the services."""

    PUBLIC = "public"
    USER = "user"
    STAFF = "staff"


_ACCESS: Final[dict[str, Access]] = {}


def declare(endpoint: str, access: Access) -> None:
    """Declare who may call ``endpoint`` (Flask's name for it); without a declaration no request may."""
    _ACCESS[endpoint] = access


def access_of(endpoint: str) -> Access | None:
    """Return who may call ``endpoint``, or None where nothing is declared."""
    return _ACCESS.get(endpoint)
