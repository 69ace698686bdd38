"""The one request parser: what a body and a query string may look like, for every endpoint alike."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl

import flask
from marshmallow import Schema, ValidationError, missing
from werkzeug.datastructures import MIMEAccept
from werkzeug.utils import cached_property

from bankapp import errors
from bankapp.api import operations
from bankapp.context import config

MAX_DEPTH: Final = 16
MAX_ERRORS: Final = 100
"""How many wrong fields an answer names at most."""

MAX_NAME_LENGTH: Final = 200
"""How many characters of a name that the client chose come back in an answer."""


class Request(flask.Request):
    """A request whose body is read once, and as strictly as the contract says."""

    max_content_length = None  # the limit is looked at below, and Flask asks for its own every time

    @cached_property
    def document(self) -> Any:
        """Read the body's JSON, or ``missing`` without a body.

        Raises PayloadTooLarge, UnsupportedMediaType, MalformedRequest or ValidationFailed.
        """
        limit = self._body_limit
        if (self.content_length or 0) > limit:
            raise errors.PayloadTooLarge(f"The body may have at most {limit} bytes.")
        if self._body is None:
            raise errors.MalformedRequest("The body is not framed as HTTP/1.1 says, or it ended early.")
        if len(self._body) > limit:
            raise errors.PayloadTooLarge(f"The body may have at most {limit} bytes.")
        if not self._body:
            return missing
        _refuse_encoding(self.headers.get("Content-Encoding", ""))
        if not (self.mimetype == "application/json" or self.mimetype.endswith("+json")):
            raise errors.UnsupportedMediaType("Send the body as application/json.")
        return _parsed(self._body)

    @cached_property
    def _body(self) -> bytes | None:
        """Read the body; return None if its framing is broken or it ended early (RFC 9112 section 8).

        Reads one byte above the limit, because Werkzeug cuts a chunked body off without an error. The result is cached,
        even of a body that is too long or broken: a second reading would take the rest for the body.
        """
        try:
            body = self.stream.read(self._body_limit + 1)
        except Exception:  # noqa: BLE001 - each server raises its own kinds, and only for what the client sent
            return None
        return None if self.content_length and len(body) < self.content_length else body

    @cached_property
    def _body_limit(self) -> int:
        operation = operations.of(self.endpoint)
        declared = operation.body_limit_bytes if operation else None
        return declared or config().body_limit_bytes


request: Request = flask.request  # type: ignore[assignment]  # what it stands for is made by the application
"""The current request."""


def _refuse_encoding(header: str) -> None:
    # Bodies are small, so none is decompressed: a few kilobytes can unfold to gigabytes.
    codings = [coding for part in header.split(",") if (coding := part.strip().lower()) not in ("", "identity")]
    if codings:
        names = _shortened(", ".join(codings))
        raise errors.EncodingNotSupported(f"The body is encoded ({names}); send it without Content-Encoding.")


def _parsed(body: bytes) -> Any:
    try:
        document = _JSON.decode(body.decode("utf-8"))
        # Only an escape can stand for what is looked for in texts, and nothing nests deeper than it has brackets.
        if b"\\u" in body or body.count(b"{") + body.count(b"[") > MAX_DEPTH:
            _check(document)
    except RecursionError:
        raise errors.MalformedRequest(f"The JSON nests deeper than {MAX_DEPTH} levels.") from None
    except ValueError as problem:
        raise errors.MalformedRequest(_reason(problem)) from None
    return document


def _reason(problem: ValueError) -> str:
    if isinstance(problem, json.JSONDecodeError):
        return f"The body is not valid JSON: {problem.msg} at line {problem.lineno}, column {problem.colno}."
    if isinstance(problem, UnicodeDecodeError):
        return "The body is not valid UTF-8."
    if isinstance(problem, _NotJson):
        return str(problem)
    return "The body has a number with too many digits."


class _NotJson(ValueError):
    pass


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        repeated, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise _NotJson(f"The body has the key {json.dumps(_shortened(repeated))} twice.")
    return document


def _no_constant(name: str) -> NoReturn:
    raise _NotJson(f"{name} is not JSON.")


_JSON: Final = json.JSONDecoder(object_pairs_hook=_unique_keys, parse_constant=_no_constant)


def _check(document: Any) -> None:
    bad = [path or "body" for path, text in _strings(document, "", 1) if not is_clean(text)]
    if bad:
        raise _validation_failed({path: ["Must not contain NUL or a lone surrogate."] for path in bad})


def _strings(node: Any, path: str, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield path, node
        return
    if not isinstance(node, (dict, list)):
        return
    if depth > MAX_DEPTH:
        raise _NotJson(f"The JSON nests deeper than {MAX_DEPTH} levels.")
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(key, str) and not is_clean(key):
            yield path, key
            continue
        name = f"{path}.{key}" if path else str(key)
        yield from _strings(value, name, depth + 1)


def is_clean(text: str) -> bool:
    """Tell whether ``text`` has neither NUL nor a lone surrogate, which no database and no client can keep."""
    if "\0" in text:
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def load_body(schema: Schema) -> Any:
    """Return the request's JSON object as ``schema`` reads it. Raises ValidationFailed, and as ``Request.document``."""
    document = request.document
    if document is missing:
        if getattr(schema, "body_required", True):
            raise errors.MalformedRequest("The request needs a JSON body.")
        document = {}
    if not isinstance(document, dict):
        raise errors.MalformedRequest("The body must be a JSON object.")
    return _load(schema, document)


def load_query(schema: Schema) -> Any:
    """Return the query string's parameters, each given once, as ``schema`` reads them. Raises ValidationFailed."""
    query: dict[str, str] = {}
    problems: dict[str, list[str]] = {}
    # Read here because Werkzeug leaves what is not UTF-8 percent-encoded; this makes it lone surrogates.
    text = request.query_string.decode(errors="surrogateescape")
    for name, value in parse_qsl(text, keep_blank_values=True, errors="surrogateescape"):
        if name in query:
            problems[name] = ["Must be given once."]
        if not is_clean(name + value):
            problems[name if is_clean(name) else "query"] = ["Must be UTF-8 without NUL."]
        query[name] = value
    if problems:
        raise _validation_failed(problems)
    return _load(schema, query)


def _load(schema: Schema, document: dict[str, Any]) -> Any:
    try:
        return schema.load(document)
    except ValidationError as problem:
        # One flat path for each field.
        raise _validation_failed(dict(_flat(problem.messages_dict, ""))) from None


def _validation_failed(found: dict[str, list[str]]) -> errors.ValidationFailed:
    # A body of 1 MiB can have 100,000 fields that are wrong; the answer names the first of them.
    named = {_shortened(path): messages for path, messages in islice(found.items(), MAX_ERRORS)}
    omitted = len(found) - len(named)
    detail = f"{errors.ValidationFailed.usual_detail} {omitted} more are not listed." if omitted else None
    return errors.ValidationFailed(detail, errors=named)


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_NAME_LENGTH else f"{text[:MAX_NAME_LENGTH]}…"


def _flat(messages: Any, path: str) -> Iterator[tuple[str, list[str]]]:
    if isinstance(messages, dict):
        for key, value in messages.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    else:
        yield path.removeprefix("_schema") or "body", [str(message) for message in messages]


def refuse_stray_input(*, body: bool, query: bool) -> None:
    """Refuse a body or query parameters where the endpoint takes none; ``{}`` is no body.

    Raises ValidationFailed, and as ``Request.document``.
    """
    if not query and request.query_string and request.args:
        raise _validation_failed({name: ["Unknown field."] for name in request.args})
    if not body and request.method in ("POST", "PUT", "PATCH", "DELETE"):
        document = request.document
        if isinstance(document, dict) and document:
            raise _validation_failed({name: ["Unknown field."] for name in document})
        if not (document is missing or isinstance(document, dict)):
            raise errors.MalformedRequest("The body must be a JSON object.")


def accepts() -> MIMEAccept:
    """Return the media types the client accepts."""
    return request.accept_mimetypes
