"""The declaration of an API endpoint: one frozen record, which the shared parts of the API read.

Security reads ``access`` and ``scope``, the parser ``body_limit_bytes``, the limiter ``limits`` and the blueprint the
shapes. The OpenAPI document is written from all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final

from marshmallow import Schema

from bankapp import endpoints
from bankapp.endpoints import NO_KEYS, Access, Scope
from bankapp.errors import BankError

__all__ = ["NO_KEYS", "Access", "Limit", "Operation", "Scope"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``rate`` (such as ``10 per minute``) for each value that ``key`` returns for a request."""

    rate: str
    key: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint under ``/v1``: method, path, access, the shapes of its request and its answer.

    ``access`` and ``scope`` have no default, so every endpoint must declare them. ``scope`` is what an API key must be
    allowed to do; an operation that no key may call says ``NO_KEYS``. The view gets the parsed ``body`` as its first
    argument and the fields of ``query`` by name. The view of an ``idempotent`` operation also gets ``claim``. The
    view returns a value that ``answer`` serializes (a Page if ``query`` is a PageQuery), or a Response.
    """

    method: str
    rule: str
    _: KW_ONLY
    access: Access
    scope: Scope | None
    answer: type[Schema] | None = None
    status: int = 200
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    idempotent: bool = False
    """Whether ``Idempotency-Key`` is honoured. The view then takes ``claim`` and passes it to its service."""
    on_replay: Callable[[Any], Any] | None = None
    """Turns the result into the one that a replay shows."""
    body_limit_bytes: int | None = None
    """The largest body, if larger than the default limit."""
    limits: Sequence[Limit] = ()
    errors: Sequence[type[BankError]] = ()
    """The errors of this operation, besides those that every shape and every access can raise."""
    also: Mapping[int, type[Schema]] = field(default_factory=dict)
    """Answers with other statuses, for the OpenAPI document."""
    downloads: Sequence[str] = ()
    """Media types of the files that the operation answers beside its ``answer``, for the OpenAPI document."""
    streams: bool = False
    """Whether the answer is a stream of server-sent events, for the OpenAPI document."""
    parameters: Sequence[Mapping[str, Any]] = ()
    """Headers that the operation reads, for the OpenAPI document."""


_OPERATIONS: Final[dict[str, Operation]] = {}


def register(endpoint: str, operation: Operation) -> None:
    """Register ``operation`` for Flask's ``endpoint``, and declare its access and scope."""
    _OPERATIONS[endpoint] = operation
    endpoints.declare(endpoint, operation.access, operation.scope)


def of(endpoint: str | None) -> Operation | None:
    """Return the operation of an endpoint, or None for a page, a file and an unknown path."""
    return _OPERATIONS.get(endpoint or "")


def every() -> tuple[Operation, ...]:
    """Return the operations of the API, in the order in which their modules declare them."""
    return tuple(_OPERATIONS.values())
