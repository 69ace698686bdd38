"""Who may call an endpoint. The API and the pages declare this by the endpoint's name; one hook checks it."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Access(Enum):
    """The callers of an endpoint. The services decide which rows a caller sees."""

    PUBLIC = "public"
    USER = "user"
    STAFF = "staff"


class Scope(Enum):
    """What an API key may be allowed to do. Each endpoint that keys may call asks for one scope."""

    ACCOUNTS_READ = "accounts:read"
    ACCOUNTS_WRITE = "accounts:write"
    TRANSACTIONS_READ = "transactions:read"
    TRANSACTIONS_WRITE = "transactions:write"
    TRANSFERS_READ = "transfers:read"
    TRANSFERS_WRITE = "transfers:write"
    PAYEES_READ = "payees:read"
    PAYEES_WRITE = "payees:write"
    CARDS_READ = "cards:read"
    CARDS_WRITE = "cards:write"
    STATEMENTS_READ = "statements:read"
    EVENTS_READ = "events:read"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"


NO_KEYS: Final = None
"""The scope of an endpoint that no API key may call: sign-in, sessions, keys, personal data, staff, audit, pages."""

_ACCESS: Final[dict[str, Access]] = {}
_SCOPES: Final[dict[str, Scope | None]] = {}


def declare(endpoint: str, access: Access, scope: Scope | None = NO_KEYS) -> None:
    """Declare who may call ``endpoint`` (Flask's name for it), and the scope that an API key needs for it.

    Without a declaration nothing may call the endpoint.
    """
    _ACCESS[endpoint] = access
    _SCOPES[endpoint] = scope


def access_of(endpoint: str) -> Access | None:
    """Return who may call ``endpoint``, or None without a declaration."""
    return _ACCESS.get(endpoint)


def scope_of(endpoint: str) -> Scope | None:
    """Return the scope that an API key needs for ``endpoint``; ``NO_KEYS``, also without a declaration."""
    return _SCOPES.get(endpoint, NO_KEYS)
