"""Who is asking: the facts about the current request or command that every layer may need.

They live in context variables, so services and repositories read them without knowing Flask, and each
thread has its own. The edge (API, pages, command line) sets them, nothing below does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from config import Config

CUSTOMER: Final = "customer"
STAFF: Final = "staff"
ADMIN: Final = "admin"
ROLES: Final = (CUSTOMER, STAFF, ADMIN)


@dataclass(frozen=True, slots=True)
class User:
    """The authenticated user of the current request, and the session of its token or the limits of its API key.

    ``account_ids`` are the accounts to which an API key is limited (None: all of the user's). ``session_id`` and
    ``jti`` are empty for a key. ``key_use_is_due`` tells that the key's last use is to be stored.
    """

    id: str
    role: str
    session_id: str
    jti: str
    account_ids: frozenset[str] | None = None
    key_use_is_due: bool = False

    @property
    def is_staff(self) -> bool:
        """Staff and admins hold the powers of staff."""
        return self.role in (STAFF, ADMIN)


@dataclass(frozen=True, slots=True)
class Context:
    """The current request: ids and addresses are strings that were checked at the edge.

    ``subject`` is the user id that a valid access token or API key names, before the database was asked whether it
    is live: the edge scopes keys and cursors by it. ``api_key_id`` is the id of that API key. ``authenticate`` asks,
    and sets ``user`` or raises.
    """

    request_id: str | None = None
    ip_address: str | None = None
    device_id: str | None = None
    subject: str | None = None
    api_key_id: str | None = None
    authenticate: Callable[[], None] | None = None
    user: User | None = None


_EMPTY: Final = Context()
_stack: ContextVar[tuple[tuple[Config, Context], ...]] = ContextVar("bankapp_context", default=())


def enter(config: Config) -> None:
    """Begin an application context with these settings; a context inside of another one has its own facts."""
    _stack.set((*_stack.get(), (config, _EMPTY)))


def leave() -> None:
    """End the innermost application context."""
    _stack.set(_stack.get()[:-1])


def current() -> Context:
    """Return the facts of the current request or command; outside of an application context empty ones."""
    stack = _stack.get()
    return stack[-1][1] if stack else _EMPTY


def begin(context: Context) -> None:
    """Make ``context`` the facts of the current application context."""
    *outer, (config, _) = _stack.get()
    _stack.set((*outer, (config, context)))


def update(**facts: Any) -> None:
    """Add ``facts`` (fields of :class:`Context`) to those of the current application context."""
    *outer, (config, context) = _stack.get()
    _stack.set((*outer, (config, replace(context, **facts))))


def clear() -> None:
    """Forget the facts of the current application context."""
    begin(_EMPTY)


def config() -> Config:
    """Return the settings of the running application. Raises LookupError outside of an application context."""
    stack = _stack.get()
    if not stack:
        raise LookupError("there are no settings outside of an application context")
    return stack[-1][0]


def user() -> User:
    """Return the authenticated user, whose token or key is checked now unless a statement of this request did.

    Raises LookupError where the request carries neither, Unauthenticated where it is not live, or Unavailable.
    """
    found = current()
    if found.user is None and found.authenticate is not None:
        found.authenticate()
        found = current()
    if found.user is None:
        raise LookupError("no user is signed in")
    return found.user
