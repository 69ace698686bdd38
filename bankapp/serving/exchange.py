"""Turns the bytes of one request into the bytes of its answer."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any, Final

from gunicorn.http import errors as http_errors
from gunicorn.http import wsgi
from gunicorn.http.parser import RequestParser

from bankapp.api.parking import HEARTBEAT, OFFER, PARK, Offer, Park
from bankapp.api.refusals import KEY, Refusal
from bankapp.serving.framing import MAX_HEAD_BYTES, IncomingRequest
from bankapp.serving.outgoing import Outgoing

_LAST_CHUNK: Final = b"0\r\n\r\n"
_INCOMPLETE: Final = Refusal(400, "The request ended before it was complete.")
_HEAD_TOO_LARGE: Final = Refusal(431, "The header fields are too large.")
_UNREADABLE: Final = Refusal(400, "The request is not valid HTTP/1.1.")
_FAILED: Final = Refusal(500, "Something went wrong on our side; the request id leads us to it.")

# The text of gunicorn's exceptions quotes the request, which may hold a token: it goes neither to the client nor to
# the log.
_REFUSALS: Final[dict[type[Exception], Refusal]] = {
    http_errors.NoMoreData: _INCOMPLETE,
    http_errors.InvalidRequestLine: Refusal(400, "The request line is not valid."),
    http_errors.InvalidRequestMethod: Refusal(400, "The method is not valid."),
    http_errors.InvalidHTTPVersion: Refusal(400, "The HTTP version is not supported."),
    http_errors.InvalidHeader: Refusal(400, "A header field is not valid."),
    http_errors.InvalidHeaderName: Refusal(400, "The name of a header field is not valid."),
    http_errors.ObsoleteFolding: Refusal(400, "A header field goes on in a second line."),
    http_errors.LimitRequestLine: Refusal(414, "The request line is too long."),
    http_errors.ExpectationFailed: Refusal(417, "The only expectation that can be met is 100-continue."),
    http_errors.LimitRequestHeaders: _HEAD_TOO_LARGE,
    http_errors.UnsupportedTransferCoding: Refusal(501, "The only transfer coding is chunked."),
    http_errors.ConfigurationProblem: _FAILED,
}

_REQUEST_LINE: Final = re.compile(rb"(?:\r\n)?([A-Z]{1,20}) (/[\x21-\x7e]{0,200})")
_FIELDS: Final = re.compile(rb"(?im)^(x-request-id|x-device-id|x-forwarded-for):[ \t]*([\x20-\x7e]*)\r$")


@dataclass
class Exchange:
    """An answer, whether the connection may carry another request, and the bytes of it that have arrived."""

    answer: Outgoing
    keep_alive: bool = False
    rest: bytes = b""
    is_read: bool = False
    """Whether all that the client sends belongs to the request, so that nothing is lost by closing."""
    park: Park | None = None
    """What the request waits for after the client has taken this part of its answer."""
    end: bytes = b""
    """What ends the answer that was sent in parts."""


@dataclass(frozen=True)
class Exchanger:
    """Answers requests of one application with gunicorn's settings."""

    app: Any
    settings: Any
    log: Any
    max_body_bytes: int

    def answer(
        self, incoming: IncomingRequest, peer: Any, server: Any, *, keep_alive: bool, offer: Offer | None = None
    ) -> Exchange:
        """Let the application answer the request in ``incoming``, or refuse it if it cannot be read.

        With an ``offer`` the application may park the request instead.
        """
        raw = bytes(incoming.buffer)
        parser = RequestParser(self.settings, [raw], peer)
        try:
            request = next(parser)
        except (http_errors.ParseException, http_errors.NoMoreData) as problem:
            if incoming.head_is_too_large and isinstance(problem, http_errors.NoMoreData):
                return self.refuse(_HEAD_TOO_LARGE, raw, peer, server)
            return self.refuse(_REFUSALS.get(type(problem), _UNREADABLE), raw, peer, server)
        # The worker has sent 100 Continue already.
        request._expected_100_continue = False
        body, is_read = self._read_body(request)
        out = Outgoing()
        try:
            response, environ = wsgi.create(request, out, peer, server, self.settings)
            environ["wsgi.input"] = body
            environ["wsgi.multithread"] = self.settings.threads > 1
            environ[OFFER] = offer
            if not (keep_alive and is_read):
                response.force_close()
            park = self._run(environ, response)
        except Exception as problem:
            out.close()
            self.log.exception("Error handling request")
            if offer is not None and offer.again is not None and offer.again.is_stream:
                # The answer has begun, so there is no place for a refusal.
                return Exchange(Outgoing(), is_read=True)
            return self.refuse(_REFUSALS.get(type(problem), _FAILED), raw, peer, server)
        if park is not None and not park.is_stream:
            out.close()
            out = Outgoing()
        out.finish()
        end = _LAST_CHUNK if response.chunked else b""
        return Exchange(out, not response.should_close(), parser.unreader.take_buffered(), is_read, park, end)

    def heartbeat(self, stream: Exchange) -> Exchange:
        """Return the next part of a stream that only shows that the connection lives."""
        out = Outgoing()
        out.sendall(b"%x\r\n%s\r\n" % (len(HEARTBEAT), HEARTBEAT) if stream.end else HEARTBEAT)
        out.finish()
        return replace(stream, answer=out)

    def refuse(self, refusal: Refusal, raw: bytes, peer: Any, server: Any) -> Exchange:
        """Answer a request that cannot be served, as far as it can be recognised in ``raw``."""
        line = _REQUEST_LINE.match(raw)
        method, target = (part.decode() for part in line.groups()) if line else ("GET", "/")
        out = Outgoing()
        response = wsgi.Response(_UnreadRequest(method), out, self.settings)
        host, port = server if isinstance(server, tuple) else (server, 0)
        environ = wsgi.base_environ(self.settings) | {
            KEY: refusal,
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": target.partition("?")[0],
            "QUERY_STRING": "",
            "SERVER_NAME": str(host),
            "SERVER_PORT": str(port),
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": peer[0] if isinstance(peer, tuple) else "",
            "wsgi.input": io.BytesIO(),
            "wsgi.url_scheme": "http",
        }
        for name, value in _FIELDS.findall(raw[:MAX_HEAD_BYTES]):
            environ["HTTP_" + name.decode().upper().replace("-", "_")] = value.decode().strip()
        self._run(environ, response)
        out.finish()
        return Exchange(out)

    def _run(self, environ: dict[str, Any], response: Any) -> Park | None:
        """Write the answer of the application, and return what its request waits for."""
        parts = self.app(environ, response.start_response)
        try:
            offer: Offer | None = environ.get(OFFER)
            if offer is not None and offer.again is not None and offer.again.is_stream:
                return self._go_on(environ, response, parts, offer.again)
            park: Park | None = environ.get(PARK)
            if park is not None and park.is_stream:
                response.force_close()
            for part in parts:
                response.write(part)
            if park is None or not park.is_stream:
                response.close()
            return park
        finally:
            if hasattr(parts, "close"):
                parts.close()

    def _go_on(self, environ: dict[str, Any], response: Any, parts: Iterable[bytes], before: Park) -> Park | None:
        """Write the next part of a stream; a problem ends it, unless the database is away."""
        response.headers_sent = True
        # A problem has a length, the stream has none.
        response.response_length = None
        response.chunked = response.is_chunked()
        response.force_close()
        park: Park | None = environ.get(PARK)
        if park is not None and response.status_code == HTTPStatus.OK:
            for part in parts:
                response.write(part)
            return park
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            response.write(HEARTBEAT)
            return replace(before, is_behind=False)
        response.close()
        return None

    def _read_body(self, request: Any) -> tuple[Any, bool]:
        """Return the body as a file, and whether the request was read to its end.

        The application refuses a body above the limit for its length, so such a body is not read. Reading a body that
        is broken or ends early raises OSError (RFC 9112 section 8).
        """
        declared = next((int(value) for name, value in request.headers if name == "CONTENT-LENGTH"), None)
        if declared is not None and declared > self.max_body_bytes:
            return io.BytesIO(), False
        try:
            body = request.body.read(self.max_body_bytes + 1)
        except (http_errors.ParseException, http_errors.NoMoreData):
            return _BrokenBody(), False
        if declared is not None and len(body) < declared:
            return _BrokenBody(), False
        return io.BytesIO(body), len(body) <= self.max_body_bytes


class _BrokenBody(io.RawIOBase):
    """A body that cannot be read: its chunks are malformed, or the client left before its end."""

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002 - the file protocol dictates it
        raise OSError("the body is broken or ends early")


@dataclass(frozen=True)
class _UnreadRequest:
    """What gunicorn's ``Response`` asks of a request."""

    method: str
    version: tuple[int, int] = (1, 1)

    def should_close(self) -> bool:
        return True
