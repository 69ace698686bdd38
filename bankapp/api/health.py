"""Health: is it alive, is it ready, does the database answer?"""

from __future__ import annotations

from flask import Response, jsonify

from bankapp.api.blueprint import Access, Blueprint, Operation
from bankapp.schemas import health as schemas
from bankapp.services import health

blueprint = Blueprint("health", __name__, "Is it alive, is it ready, does the database answer?")


@blueprint.operation(
    Operation("GET", "/health", access=Access.PUBLIC, answer=schemas.Health, also={503: schemas.Health})
)
def read_health() -> Response:
    """Read the health, with a real look at the database"""
    return _answer(ready=True)


@blueprint.operation(Operation("GET", "/health/live", access=Access.PUBLIC, answer=schemas.Liveness))
def read_liveness() -> dict[str, str]:
    """Tell that the process runs, without a look at the database"""
    return {"status": "ok"}


@blueprint.operation(
    Operation("GET", "/health/ready", access=Access.PUBLIC, answer=schemas.Health, also={503: schemas.Health})
)
def read_readiness() -> Response:
    """Tell whether new requests are welcome: not while draining, not without a database"""
    return _answer(ready=not health.is_draining())


def _answer(*, ready: bool) -> Response:
    # No problem document: those who ask are machines that read the status and know this shape.
    answers = health.database_answers()
    fine = ready and answers
    response = jsonify(status="ok" if fine else "unavailable", database="ok" if answers else "unavailable")
    response.status_code = 200 if fine else 503
    return response
