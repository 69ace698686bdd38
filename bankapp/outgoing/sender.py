"""Sends one POST to a server of a customer: checked address, one deadline, a capped answer, no redirects.

Nothing of the environment changes the request: httpcore reads no proxy variables and follows no redirects.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import httpcore

from bankapp.outgoing.addresses import AddressRefused, HostNotFound, resolve
from bankapp.outgoing.urls import UrlRefused, parse

TIMEOUT_SECONDS: Final = 15.0
"""The time for everything: the name, the connection, TLS, the request and the answer."""

ANSWER_LIMIT_BYTES: Final = 64 * 1024
"""How much is read of an answer, with its headers."""

KEPT_BYTES: Final = 1024
"""How much of an answer's body is returned."""

_WRITE_BYTES: Final = 16 * 1024


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be sent, and whether it may go to the machine itself."""

    url: str
    headers: Mapping[str, str]
    body: bytes
    allow_loopback: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status code with the first bytes of the body, or the reason why there is none.

    ``error`` is one of :data:`ERRORS`, or None if an answer came. ``retry_after`` is that header as it came.
    """

    status_code: int | None = None
    body: bytes = b""
    retry_after: str | None = None
    error: str | None = None
    latency_ms: int = 0

    @property
    def is_success(self) -> bool:
        """Whether the server has confirmed the message: a status from 200 to 299."""
        return self.status_code is not None and 200 <= self.status_code <= 299


ERRORS: Final = (
    "address_refused",
    "host_not_found",
    "connection_failed",
    "tls_failed",
    "timeout",
    "connection_lost",
    "answer_invalid",
    "answer_too_large",
)
"""The reasons why a message has no answer."""


def send(message: Message, tls: ssl.SSLContext | None = None, timeout: float = TIMEOUT_SECONDS) -> Answer:
    """POST a message and return the answer or the reason why there is none. Nothing is raised for the network.

    ``tls`` replaces the default context, which trusts the public certificate authorities.
    """
    began = time.monotonic()
    backend = _CheckedBackend(began + timeout, allow_loopback=message.allow_loopback)
    status_code, body, retry_after, error = None, b"", None, None
    try:
        target = parse(message.url, allow_loopback=message.allow_loopback)
        backend.loopback_only = not target.is_secure
        url = httpcore.URL(
            scheme=b"https" if target.is_secure else b"http",
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        headers = {"Host": target.authority, "Accept-Encoding": "identity", "Connection": "close", **message.headers}
        with (
            httpcore.ConnectionPool(ssl_context=tls or _default_tls(), network_backend=backend) as pool,
            pool.stream("POST", url, headers=list(headers.items()), content=message.body) as response,
        ):
            status_code = response.status
            retry_after = _header(response.headers, b"retry-after")
            for part in response.iter_stream():
                body = (body + part)[:KEPT_BYTES]
    except (UrlRefused, AddressRefused):
        error = "address_refused"
    except HostNotFound:
        error = "host_not_found"
    except _AnswerTooLarge:
        # The status is known, and the rest of the answer has no meaning.
        error = None if status_code is not None else "answer_too_large"
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as problem:
        error = _reason(problem, is_connected=backend.is_connected, is_late=time.monotonic() >= began + timeout)
    latency_ms = round((time.monotonic() - began) * 1000)
    if error is not None:
        return Answer(error=error, latency_ms=latency_ms)
    return Answer(status_code, body, retry_after, latency_ms=latency_ms)


def _reason(problem: Exception, *, is_connected: bool, is_late: bool) -> str:
    if is_late or isinstance(problem, httpcore.TimeoutException):
        return "timeout"
    if isinstance(problem, httpcore.ConnectError):
        return "tls_failed" if is_connected else "connection_failed"
    return "answer_invalid" if isinstance(problem, httpcore.ProtocolError) else "connection_lost"


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)


@cache
def _default_tls() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


class _AnswerTooLarge(Exception):
    """The server sent more than is read."""


class _CheckedBackend(httpcore.NetworkBackend):
    """Resolves a host once, checks its addresses, and connects to one that was checked.

    TLS still uses the name: httpcore passes it on as the name of the server and verifies the certificate for it.
    """

    def __init__(self, deadline: float, *, allow_loopback: bool) -> None:
        self._deadline = deadline
        self._allow_loopback = allow_loopback
        self.loopback_only = False
        self.is_connected = False

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the deadline decides
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of the host that answers. Raises AddressRefused and HostNotFound."""
        addresses = resolve(
            host,
            port,
            loopback_only=self.loopback_only,
            allow_loopback=self._allow_loopback,
            timeout=_remaining(self._deadline),
        )
        for address in addresses[:-1]:
            try:
                return self._connect(address, port, local_address, socket_options)
            except httpcore.ConnectError:
                continue
        return self._connect(addresses[-1], port, local_address, socket_options)

    def _connect(
        self, address: str, port: int, local_address: str | None, options: Iterable[Any] | None
    ) -> httpcore.NetworkStream:
        stream = httpcore.SyncBackend().connect_tcp(
            address, port, _remaining(self._deadline), local_address=local_address, socket_options=options
        )
        self.is_connected = True
        return _BoundedStream(stream, self._deadline)


class _BoundedStream(httpcore.NetworkStream):
    """A connection that ends at a deadline and after ``ANSWER_LIMIT_BYTES``. A slow server cannot extend either."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream = stream
        self._deadline = deadline
        self._read_bytes = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline decides
        left = ANSWER_LIMIT_BYTES - self._read_bytes
        if left <= 0:
            raise _AnswerTooLarge
        found = self._stream.read(min(max_bytes, left), _remaining(self._deadline))
        self._read_bytes += len(found)
        return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        for start in range(0, len(buffer), _WRITE_BYTES):
            self._stream.write(buffer[start : start + _WRITE_BYTES], _remaining(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        # Python bounds the whole handshake by the time-out, not each of its reads.
        stream = self._stream.start_tls(ssl_context, server_hostname, _remaining(self._deadline))
        return _BoundedStream(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _remaining(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout("the deadline has passed")
    return left
