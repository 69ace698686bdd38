"""Sends POSTs to a server of a customer: checked address, one deadline for each, a capped answer, no redirects.

Nothing of the environment changes the request: httpcore reads no proxy variables and follows no redirects.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Self

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
    """POST one message, as :meth:`Sender.send`."""
    with Sender(tls) as sender:
        return sender.send(message, timeout)


class Sender:
    """Sends messages to one server, one after the other, over one connection if the server keeps it open.

    ``tls`` replaces the default context, which trusts the public certificate authorities.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._backend = _CheckedBackend()
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or _default_tls(), network_backend=self._backend, max_connections=1
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    def send(self, message: Message, timeout: float = TIMEOUT_SECONDS) -> Answer:
        """POST a message and return the answer or the reason why there is none. Nothing is raised for the network.

        A connection that was kept may have been closed by the server meanwhile. The message is then sent again over a
        new one, so the server may get it twice.
        """
        began = time.monotonic()
        self._backend.begin(began + timeout, allow_loopback=message.allow_loopback)
        answer = self._attempt(message)
        if answer.error == "connection_lost" and not self._backend.is_connected:
            answer = self._attempt(message)
        return replace(answer, latency_ms=round((time.monotonic() - began) * 1000))

    def _attempt(self, message: Message) -> Answer:
        status_code, body, retry_after = None, b"", None
        try:
            target = parse(message.url, allow_loopback=message.allow_loopback)
            self._backend.loopback_only = not target.is_secure
            url = httpcore.URL(
                scheme=b"https" if target.is_secure else b"http",
                host=target.host.encode(),
                port=target.port,
                target=target.path.encode(),
            )
            headers = {"Host": target.authority, "Accept-Encoding": "identity", **message.headers}
            with self._pool.stream("POST", url, headers=list(headers.items()), content=message.body) as response:
                status_code = response.status
                retry_after = _header(response.headers, b"retry-after")
                for part in response.iter_stream():
                    body = (body + part)[:KEPT_BYTES]
        except (UrlRefused, AddressRefused):
            return Answer(error="address_refused")
        except HostNotFound:
            return Answer(error="host_not_found")
        except _AnswerTooLarge:
            if status_code is None:
                return Answer(error="answer_too_large")
            # The status is known, and the rest of the answer has no meaning.
        except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as problem:
            return Answer(error=self._reason(problem, has_answer=status_code is not None))
        return Answer(status_code, body, retry_after)

    def _reason(self, problem: Exception, *, has_answer: bool) -> str:
        is_connected = self._backend.is_connected
        if self._backend.is_late or isinstance(problem, httpcore.TimeoutException):
            return "timeout"
        if isinstance(problem, httpcore.ConnectError):
            return "tls_failed" if is_connected else "connection_failed"
        is_lost = isinstance(problem, httpcore.NetworkError) or (not is_connected and not has_answer)
        return "connection_lost" if is_lost else "answer_invalid"


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str | None:
    return next((value.decode("latin-1") for key, value in headers if key.lower() == name), None)


@cache
def _default_tls() -> ssl.SSLContext:
    return httpcore.default_ssl_context()


class _AnswerTooLarge(Exception):
    """The server sent more than is read."""


class _CheckedBackend(httpcore.NetworkBackend):
    """Resolves a host once for a connection, checks its addresses, and connects to one that was checked.

    TLS still uses the name: httpcore passes it on as the name of the server and verifies the certificate for it. What
    is read and written belongs to the message that :meth:`begin` announced: it ends at the deadline of the message, and
    after ``ANSWER_LIMIT_BYTES``. ``is_connected`` tells whether a connection was made for the message.
    """

    def __init__(self) -> None:
        self._deadline = 0.0
        self._allow_loopback = False
        self._left_bytes = 0
        self.loopback_only = False
        self.is_connected = False

    def begin(self, deadline: float, *, allow_loopback: bool) -> None:
        """Begin the next message. ``deadline`` is in monotonic seconds."""
        self._deadline = deadline
        self._allow_loopback = allow_loopback
        self._left_bytes = ANSWER_LIMIT_BYTES
        self.is_connected = False

    @property
    def is_late(self) -> bool:
        """Whether the deadline has passed."""
        return time.monotonic() >= self._deadline

    def remaining_seconds(self) -> float:
        """Return the time that is left for the message. Raises ReadTimeout if there is none."""
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the deadline has passed")
        return left

    def read(self, stream: httpcore.NetworkStream, max_bytes: int) -> bytes:
        """Read a part of the answer, as far as the message may have one."""
        if self._left_bytes <= 0:
            raise _AnswerTooLarge
        found = stream.read(min(max_bytes, self._left_bytes), self.remaining_seconds())
        self._left_bytes -= len(found)
        return found

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
            timeout=self.remaining_seconds(),
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
            address, port, self.remaining_seconds(), local_address=local_address, socket_options=options
        )
        self.is_connected = True
        return _BoundedStream(stream, self)


class _BoundedStream(httpcore.NetworkStream):
    """A connection within the bounds of the present message. A slow server cannot extend them."""

    def __init__(self, stream: httpcore.NetworkStream, bounds: _CheckedBackend) -> None:
        self._stream = stream
        self._bounds = bounds

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the deadline decides
        return self._bounds.read(self._stream, max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - as above
        for start in range(0, len(buffer), _WRITE_BYTES):
            self._stream.write(buffer[start : start + _WRITE_BYTES], self._bounds.remaining_seconds())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.NetworkStream:
        # Python bounds the whole handshake by the time-out, not each of its reads.
        stream = self._stream.start_tls(ssl_context, server_hostname, self._bounds.remaining_seconds())
        return _BoundedStream(stream, self._bounds)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
