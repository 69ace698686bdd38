"""One HTTP request over a new connection, and what came of it."""

from __future__ import annotations

import http.client
import json
import time
from dataclasses import dataclass
from typing import Any, Final

from torture.history import FAIL, HUNG_UP, INFO, OK
from torture.operations import Operation

TIMEOUT_SECONDS: Final = 5.0

# A refusal that says nothing lasting: the same request may fare better, or its first attempt still runs.
_PASSING_STATUSES: Final = frozenset({401, 429})
_IN_FLIGHT: Final = "idempotency_in_flight"
_LOST_SESSION: Final = frozenset({"refresh_token_reused", "refresh_token_invalid"})


class Lost(Exception):
    """No answer came: the connection was refused, cut, closed by the client, or too slow."""


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    text: str
    retry_after_seconds: float | None

    @property
    def body(self) -> Any:
        """The JSON of the answer, or an empty object."""
        return json.loads(self.text) if self.text else {}


def send(
    address: str, method: str, path: str, body: Any, headers: dict[str, str], *, hang_up_after: float | None = None
) -> Answer:
    """Send one request and return its answer. Raises Lost.

    ``hang_up_after`` seconds after the request was sent, the client closes the connection.
    """
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    data = None if body is None else json.dumps(body).encode()
    if data is not None:
        headers = headers | {"Content-Type": "application/json"}
    try:
        connection.request(method, f"/v1{path}", data, headers)
        if hang_up_after is not None:
            time.sleep(hang_up_after)
            raise Lost(HUNG_UP)
        answer = connection.getresponse()
        text = answer.read().decode()
    except (OSError, http.client.HTTPException) as problem:
        raise Lost(f"{type(problem).__name__}: {problem}") from problem
    finally:
        connection.close()
    retry_after = answer.headers.get("Retry-After")
    return Answer(answer.status, text, None if retry_after is None else float(retry_after))


def outcome(operation: Operation, answer: Answer) -> str:
    """Return ``ok``, ``fail`` or ``info`` for an answer to an operation.

    The end of a session is definite for a refresh: the same token cannot succeed any more.
    """
    if 200 <= answer.status < 300:
        return OK
    if answer.status >= 500:
        return INFO
    code = answer.body.get("code")
    if operation.kind == "refresh" and code in _LOST_SESSION:
        return FAIL
    if answer.status in _PASSING_STATUSES or code == _IN_FLIGHT:
        return FAIL if operation.kind == "login" and answer.status == 401 else INFO
    return FAIL
