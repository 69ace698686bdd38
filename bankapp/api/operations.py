"""What an endpoint of the API says of itself: one frozen record, read by everything that treats endpoints alike.

Security reads ``access``, the parser ``body_limit_bytes``, the limiter ``limits``, the blueprint the shapes,
and the OpenAPI document everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Final

from marshmallow import Schema

from bankapp import endpoints
from bankapp.endpoints import Access
from bankapp.errors import BankError

__all__ = ["Access", "Limit", "Operation"]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``rate`` (such as ``10 per minute``) for each value that ``key`` finds in the request."""

    rate: str
    key: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Operation:
    """An endpoint under ``/v1``: method, path, who may call it, what it takes and what it answers.

    ``access`` has no default, so an endpoint without a rule cannot be written. The view gets ``body`` as its
    first argument, the fields of ``query`` by name and, where the operation is ``idempotent``, the request's
    ``claim``; it returns what ``answer`` lays out (a Page where ``query`` is a PageQuery), or a Response.
    """

    method: str
    rule: str
    _: KW_ONLY
    access: Access
    answer: type[Schema] | None = None
    status: int = 200
    body: type[Schema] | None = None
    query: type[Schema] | None = None
    idempotent: bool = False
    """Whether ``Idempotency-Key`` counts: the view takes ``claim`` and hands it to its service."""
    on_replay: Callable[[Any], Any] | None = None
    """Returns what a replay shows of the result."""
    body_limit_bytes: int | None = None
    """How large the body may be, where that is more than usual."""
    limits: Sequence[Limit] = ()
    errors: Sequence[type[BankError]] = ()
    """The refusals that follow from neither the shapes nor the access."""
    also: Mapping[int, type[Schema]] = field(default_factory=dict)
    """Answers of other statuses, for the document."""
    downloads: Sequence[str] = ()
    """Other media types of the answer, for the document."""
    parameters: Sequence[Mapping[str, Any]] = ()
    """Headers that the operation reads, for the document."""


_OPERATIONS: Final[dict[str, Operation]] = {}


def register(endpoint: str, operation: Operation) -> None:
    """Keep ``operation`` for Flask's ``endpoint``, and declare who may call it."""
    _OPERATIONS[endpoint] = operation
    endpoints.declare(endpoint, operation.access)


def of(endpoint: str | None) -> Operation | None:
    """Return the operation of an endpoint; None for a page, a file and an unknown path."""
    return _OPERATIONS.get(endpoint or "")


def every() -> tuple[Operation, ...]:
    """Return the operations of the API, in the order in which their modules declare them."""
    return tuple(_OPERATIONS.values())
