"""Wire shapes of the health checks."""

from __future__ import annotations

from bankapp.schemas.base import BaseSchema, Choice


class Liveness(BaseSchema):
    """The process runs."""

    status = Choice("LivenessStatus", "ok")


class Health(BaseSchema):
    """Whether the service can work."""

    status = Choice("HealthStatus", "ok", "unavailable")
    database = Choice("HealthStatus", "ok", "unavailable")
