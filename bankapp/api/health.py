"""Health checks: liveness, readiness and the database."""

from __future__ import annotations

from flask import Response, jsonify

from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation
from bankapp.schemas import health as schemas
from bankapp.services import health

blueprint = Blueprint("health", __name__, "Liveness, readiness and the database")


@blueprint.operation(
    Operation("GET", "/health", access=Access.PUBLIC, scope=NO_KEYS, answer=schemas.Health, also={503: schemas.Health})
)
def read_health() -> Response:
    """Check the service and its database

    Sends a statement to the database and waits at most 2 seconds for its answer.
    """
    return _answer(ready=True)


@blueprint.operation(Operation("GET", "/health/live", access=Access.PUBLIC, scope=NO_KEYS, answer=schemas.Liveness))
def read_liveness() -> dict[str, str]:
    """Check that the process runs

    Does not ask the database.
    """
    return {"status": "ok"}


@blueprint.operation(
    Operation(
        "GET", "/health/ready", access=Access.PUBLIC, scope=NO_KEYS, answer=schemas.Health, also={503: schemas.Health}
    )
)
def read_readiness() -> Response:
    """Check whether the service takes new requests

    The answer is 503 while the service is shutting down, and while the database does not answer.
    """
    return _answer(ready=not health.is_draining())


def _answer(*, ready: bool) -> Response:
    # No problem document: load balancers and monitors read the status, and the contract fixes this shape.
    answers = health.database_answers()
    is_healthy = ready and answers
    response = jsonify(status="ok" if is_healthy else "unavailable", database="ok" if answers else "unavailable")
    response.status_code = 200 if is_healthy else 503
    return response
