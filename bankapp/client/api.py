"""HTTP requests to the bank: each returns the answer or raises an exception that says what went wrong."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import httpx

from bankapp.client.errors import OutcomeUnknown, Refused, SignInRefused, Unreachable

T = TypeVar("T")

CONNECT_TIMEOUT_SECONDS: Final = 5.0
PATIENCE_SECONDS: Final = (0.0, 0.25, 0.5, 1.0, 2.0)
"""The pause before each attempt. There are as many attempts as pauses."""

MAX_RETRY_AFTER_SECONDS: Final = 5.0

# Raised before any byte of the request was sent.
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class Api:
    """Sends requests to the bank at ``url``, with the device id of this installation."""

    def __init__(self, url: str, device_id: str, timeout_seconds: float) -> None:
        self.url = url
        self._http = httpx.Client(
            base_url=f"{url}/v1",
            headers={"X-Device-Id": device_id, "User-Agent": "bankapp-client", "Accept": "application/json"},
            timeout=httpx.Timeout(timeout_seconds, connect=min(timeout_seconds, CONNECT_TIMEOUT_SECONDS)),
            verify=_trusted(url),
            # No keep-alive: when the bank has closed an idle connection, the next request looks like a lost answer.
            limits=httpx.Limits(max_keepalive_connections=0),
            # A network proxy cannot reach the servers of this machine.
            mounts={"all://127.0.0.1": None, "all://localhost": None},
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Send one request under ``/v1`` once and return its 2xx answer.

        Raises Refused with the bank's problem document, and Unreachable for everything else: no
        connection, no complete answer in time, 5xx, or an answer that does not come from the bank.
        """
        params = _without_none(query)
        with self._reported():
            response = self._http.request(method, path, json=body, params=params, headers=headers)
        return _checked(response)

    @contextmanager
    def stream(
        self, path: str, query: Mapping[str, Any], headers: Mapping[str, str], silence_seconds: float
    ) -> Iterator[Iterator[bytes]]:
        """Send a GET and yield the parts of its 2xx answer, as they come. Raises like :meth:`call`, also meanwhile.

        After ``silence_seconds`` without a byte the answer is lost.
        """
        timeout = httpx.Timeout(**{**self._http.timeout.as_dict(), "read": silence_seconds})
        params = _without_none(query)
        with (
            self._reported(),
            self._http.stream("GET", path, params=params, headers=headers, timeout=timeout) as response,
        ):
            if not response.is_success:
                response.read()
            yield _checked(response).iter_bytes()

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Raise Unreachable for the errors of the network in the block."""
        try:
            yield
        except _NEVER_SENT as problem:
            raise Unreachable(f"The bank at {self.url} cannot be reached: {problem}", sent=False) from None
        except httpx.HTTPError as problem:
            reason = str(problem) or type(problem).__name__
            raise Unreachable(f"The bank at {self.url} did not answer: {reason}", sent=True) from None


def _without_none(query: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (query or {}).items() if value is not None}


def _trusted(url: str) -> ssl.SSLContext:
    """Return the TLS settings. Without TLS they are empty: reading the certificates takes longer than a request."""
    return httpx.create_ssl_context() if url.startswith("https") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def document(response: httpx.Response) -> Any:
    """Return the JSON of a 2xx answer, or None for 204. Raises Unreachable if the body is not JSON."""
    if response.status_code == 204:
        return None
    try:
        return response.json()
    except ValueError:
        raise Unreachable(f"{response.url} answered something that is not JSON.", sent=True) from None


def once(call: Callable[[], T]) -> T:
    """Call ``call`` once and return its result. For requests that are not safe to repeat.

    Raises OutcomeUnknown when the answer was lost: the user must check the state before a repetition.
    """
    try:
        return call()
    except Unreachable as problem:
        if problem.sent:
            raise OutcomeUnknown(f"{problem}\nIt may have been carried out: check before you repeat it.") from None
        raise


def retried(call: Callable[[], T]) -> T:
    """Call ``call``, with retries, and return its result. For requests that are safe to repeat."""
    for is_last, pause in attempts(PATIENCE_SECONDS):
        time.sleep(pause)
        try:
            return call()
        except Unreachable:
            if is_last:
                raise
        except Refused as refusal:
            if is_last or not is_temporary(refusal):
                raise
            time.sleep(retry_after_seconds(refusal))
    raise AssertionError("there is at least one attempt")


def attempts(pauses_seconds: tuple[float, ...]) -> Iterator[tuple[bool, float]]:
    """Yield, for each attempt, whether it is the last one and how many seconds to wait before it."""
    for number, pause in enumerate(pauses_seconds, 1):
        yield number == len(pauses_seconds), pause


def is_temporary(refusal: Refused) -> bool:
    """Tell whether the same request may succeed in a moment."""
    return refusal.reason in ("rate_limited", "idempotency_in_flight")


def retry_after_seconds(problem: Refused | Unreachable) -> float:
    """Return how many seconds the bank asked to wait, at most MAX_RETRY_AFTER_SECONDS."""
    return min(problem.retry_after_seconds or 0.0, MAX_RETRY_AFTER_SECONDS)


def _checked(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    retry_after = _seconds(response.headers.get("Retry-After"))
    problem = _problem(response)
    if problem is None or response.status_code >= 500:
        detail = f" ({problem['detail']})" if problem else ""
        raise Unreachable(
            f"{response.url} answered {response.status_code}{detail}.", sent=True, retry_after_seconds=retry_after
        )
    if problem["code"] in ("invalid_credentials", "otp_required"):
        raise SignInRefused(problem, retry_after)
    raise Refused(problem, retry_after)


def _problem(response: httpx.Response) -> dict[str, Any] | None:
    """Return the bank's problem document, or None if the answer has none. Proxies answer without one."""
    if not response.headers.get("Content-Type", "").startswith("application/problem+json"):
        return None
    try:
        found = response.json()
    except ValueError:
        return None
    is_problem = isinstance(found, dict) and isinstance(found.get("code"), str) and isinstance(found.get("status"), int)
    return found if is_problem else None


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None
