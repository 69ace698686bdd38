"""Who is asking: the facts about the current request or command that every layer may need.

They live in context variables, so services and repositories read them without knowing Flask, and
threads do not see each other's. The edge (API, pages, command line) sets them, nothing below does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar, Token
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
class Bearer:
    """Whom the token names. It was not looked up whether it still counts: ``look_up`` does that, and sets the user."""

    user_id: str
    look_up: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer as it went, or will go, over the wire."""

    status: int
    body: bytes
    media_type: str = "application/json"
    etag: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class IdempotencyClaim:
    """What a request with an ``Idempotency-Key`` claims, and how its outcome is written down.

    ``scope`` is the SHA-256 of user, method, path and key; ``fingerprint`` that of the canonical
    body; ``id`` fences this attempt against a later one that took the key over.
    """

    id: str
    scope: str
    fingerprint: str
    render: Callable[[Any], Answer]
    render_refusal: Callable[[Exception], Answer]


@dataclass(frozen=True, slots=True)
class Context:
    """The current request: ids and addresses are strings that were checked at the edge."""

    request_id: str | None = None
    ip_address: str | None = None
    device_id: str | None = None
    bearer: Bearer | None = None
    user: User | None = None
    claim: IdempotencyClaim | None = None


_EMPTY: Final = Context()
_current: ContextVar[Context] = ContextVar("bankapp_context", default=_EMPTY)
_config: ContextVar[Config] = ContextVar("bankapp_config")


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
    """Return the authenticated user, looked up now if need be.

    Raises LookupError where the edge let nobody in, TokenRevoked or Unavailable.
    """
    identify()
    found = _current.get().user
    if found is None:
        raise LookupError("nobody is signed in")
    return found


def user_id() -> str | None:
    """Return the id of the user, or of whom the token names where it was not looked up yet.

    So it may go into what a statement is to find or to store, which is done only together with that look, but
    nothing may be decided by it.
    """
    current = _current.get()
    if current.user is not None:
        return current.user.id
    return current.bearer.user_id if current.bearer is not None else None


def identify() -> None:
    """See to it that the token of this request, if it has one, is looked up by now. Raises as :func:`user` does."""
    current = _current.get()
    if current.user is None and current.bearer is not None:
        current.bearer.look_up()


def config() -> Config:
    """Return the settings of the running application. Raises LookupError outside of one."""
    return _config.get()


def use_config(config: Config) -> Token[Config]:
    """Let :func:`config` return ``config`` here; :func:`restore_config` takes what this returns."""
    return _config.set(config)


def restore_config(before: Token[Config]) -> None:
    """Let :func:`config` return what it did before :func:`use_config`."""
    _config.reset(before)
