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
    """The authenticated user of the current request and the session its token belongs to."""

    id: str
    role: str
    session_id: str
    jti: str

    @property
    def is_staff(self) -> bool:
        """Staff and admins hold the powers of staff."""
        return self.role in (STAFF, ADMIN)


@dataclass(frozen=True, slots=True)
class Context:
    """The current request: ids and addresses are strings that were checked at the edge.

    ``subject`` is the user id that a valid access token names, before the database was asked whether the token
    is live: the edge scopes keys and cursors by it. ``authenticate`` asks, and sets ``user`` or raises.
    """

    request_id: str | None = None
    ip_address: str | None = None
    device_id: str | None = None
    subject: str | None = None
    authenticate: Callable[[], None] | None = None
    user: User | None = None


_EMPTY: Final = Context()
_current: ContextVar[Context] = ContextVar("bankapp_context", default=_EMPTY)
_configs: ContextVar[tuple[Config, ...]] = ContextVar("bankapp_configs", default=())


def current() -> Context:
    """Return the current context; outside of any request an empty one."""
    return _current.get()


def begin(context: Context) -> None:
    """Make ``context`` the current one."""
    _current.set(context)


def update(**facts: Any) -> None:
    """Add ``facts`` (fields of :class:`Context`) to the current context."""
    _current.set(replace(_current.get(), **facts))


def clear() -> None:
    """Forget the current context, so that a worker thread starts its next request with none."""
    _current.set(_EMPTY)


def user() -> User:
    """Return the authenticated user, whose token is checked now unless a statement of this request did.

    Raises LookupError where the request carries no token, TokenRevoked, TokenInvalid or Unavailable.
    """
    check_user()
    found = _current.get().user
    if found is None:
        raise LookupError("nobody is signed in")
    return found


def check_user() -> None:
    """Check the token of this request, if it has one and no statement did. Raises as :func:`user` does."""
    current = _current.get()
    if current.user is None and current.authenticate is not None:
        current.authenticate()


def config() -> Config:
    """Return the settings of the running application. Raises LookupError outside of an application context."""
    found = _configs.get()
    if not found:
        raise LookupError("there are no settings outside of an application context")
    return found[-1]


def push_config(config: Config) -> None:
    """Let :func:`config` return ``config`` until :func:`pop_config`."""
    _configs.set((*_configs.get(), config))


def pop_config() -> None:
    """Let :func:`config` return what it did before the last :func:`push_config`."""
    _configs.set(_configs.get()[:-1])
