"""Each operation's share of the OpenAPI document: parameters, statuses, problems, security."""

from __future__ import annotations

import http
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from apispec import APISpec, BasePlugin
from apispec.ext.marshmallow.openapi import OpenAPIConverter
from marshmallow import Schema, fields

from bankapp import errors
from bankapp.api.errors import MEDIA_TYPE, STATUSES, status_of
from bankapp.api.operations import Access, Operation, Scope
from bankapp.errors import BankError
from bankapp.schemas.accounts import EXAMPLE_IBAN
from bankapp.schemas.base import EXAMPLE_ID, Choice, QuerySchema, example_of
from bankapp.schemas.problem import Problem

INFO: Final = {
    "description": (
        "Money is an integer in minor units beside an ISO 4217 code (EUR 12.34 is `1234`). Ids are UUIDv7, times"
        " RFC 3339 in UTC. Every error is `application/problem+json` (RFC 9457) with a stable `code`. Send an"
        " `Idempotency-Key` with every POST that creates or moves something: the same key and body are carried"
        " out once, and answered the same again."
    ),
    "license": {"name": "MIT", "identifier": "MIT"},
}

SECURITY_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The access token that `POST /v1/auth/login` answers.",
    },
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "bk_live_… or bk_test_…",
        "description": (
            "The secret of an API key (`POST /v1/api-keys`), sent like an access token. Where an operation allows keys,"
            " its security requirement names the scope that the key needs: "
            + ", ".join(f"`{scope.value}`" for scope in Scope)
            + "."
        ),
    },
}

_REQUEST_HEADERS: Final = (
    {
        "name": "X-Request-Id",
        "in": "header",
        "description": "Comes back in the answer, in every log line and on the audit row.",
        "schema": {"type": "string", "pattern": "^[A-Za-z0-9-]{8,64}$"},
    },
    {
        "name": "X-Device-Id",
        "in": "header",
        "description": "Kept on sessions and audit rows.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]([ -~]*[!-~])?$"},
    },
)
_IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same key with the same body is carried out once; the first answer comes again.",
    # Plain, or quoted as a structured field (RFC 9651 §3.3.3); not the empty quoted string.
    "schema": {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": '^([!#-~]([ -~]*[!-~])?|"[ -~]+")$',
    },
    "example": "7d0a5c1e-rent-november",
}

_HEADERS_OF: Final[dict[int, dict[str, Any]]] = {
    415: {
        "headers": {
            "Accept-Encoding": {
                "description": "`identity`, where the body had a `Content-Encoding`.",
                "schema": {"type": "string", "const": "identity"},
            }
        }
    },
}

_CONTENT_DISPOSITION: Final[dict[str, Any]] = {
    "description": "The name under which the file is saved.",
    "schema": {"type": "string", "pattern": '^attachment; filename="[A-Za-z0-9_.-]+"$'},
    "example": f'attachment; filename="statement_{EXAMPLE_IBAN}_2026-11-01_2026-11-24.csv"',
}

_EVENT_STREAM: Final[dict[str, Any]] = {"content": {"text/event-stream": {"schema": {"type": "string"}}}}

_TOKEN_PROBLEMS: Final = (errors.TokenMissing, errors.TokenInvalid, errors.TokenExpired, errors.TokenRevoked)
_KEY_PROBLEMS: Final = (
    errors.ApiKeyExpired,
    errors.ApiKeyRevoked,
    errors.InsufficientScope,
    errors.IpAddressNotAllowed,
    errors.RateLimited,
)
_BODY_PROBLEMS: Final = (errors.MalformedRequest, errors.PayloadTooLarge, errors.UnsupportedMediaType)
_IDEMPOTENCY_PROBLEMS: Final = (
    errors.IdempotencyKeyInvalid,
    errors.IdempotencyInFlight,
    errors.IdempotencyKeyReused,
)


class SchemaRules(BasePlugin):
    """Says in the document what ``BaseSchema.rules`` and ``alternatives`` say of several fields together."""

    def init_spec(self, spec: APISpec) -> None:
        """Keep the document that schemas are added to."""
        self._components = spec.components

    def schema_helper(
        self,
        name: str,  # noqa: ARG002 - the parameters are apispec's
        definition: dict[str, Any],
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Change ``definition``, and return what is added to it.

        Alternatives become complete schemas of their own: generators of clients lose the other fields where ``oneOf``
        stands beside them.
        """
        schema = kwargs.get("schema")
        alternatives: Mapping[str, str] = getattr(schema, "alternatives", {})
        if not alternatives:
            return dict(getattr(schema, "rules", {}))
        whole = dict(definition)
        for alternative, chosen in alternatives.items():
            others = {*alternatives.values()} - {chosen}
            properties = {field: found for field, found in whole["properties"].items() if field not in others}
            required = sorted([*whole["required"], chosen])
            self._components.schema(alternative, whole | {"properties": properties, "required": required})
        definition.clear()
        return {"oneOf": [{"$ref": f"#/components/schemas/{alternative}"} for alternative in alternatives]}


def describe_field(converter: OpenAPIConverter, field: fields.Field[Any], ret: dict[str, Any]) -> dict[str, Any]:
    """Correct what apispec made of a field; the last of its attribute functions, called with what the others found.

    A default in a body makes generators of types demand the field, so it is left to words; a parameter keeps one that
    is not null. A list of choices is a separate schema, so that generators make one type of it.
    """
    if ret.get("default") is None or not isinstance(field.parent, QuerySchema):
        ret.pop("default", None)
    if isinstance(field, Choice):
        schemas = converter.spec.components.schemas
        described = {"type": "string", "enum": list(field.choices)}
        if field.choices_name not in schemas:
            converter.spec.components.schema(field.choices_name, described)
        assert schemas[field.choices_name] == described, f"there are two lists of choices named {field.choices_name}"
        for name in described:
            del ret[name]
        reference = {"$ref": f"#/components/schemas/{field.choices_name}"}
        ret |= {"anyOf": [reference, {"type": "null"}]} if field.allow_none else reference
    return {}


def phrase(status: int) -> str:
    """Return the words of an HTTP status."""
    return http.HTTPStatus(status).phrase


def complete(schema: Schema) -> Schema:
    """Say in the document that an answer has every field of ``schema`` that is not optional, and return it."""
    for name, declared in schema.fields.items():
        declared.required = name not in getattr(schema, "optional", ())
        inner = declared.inner if isinstance(declared, fields.List) else declared
        if isinstance(inner, fields.Nested):
            complete(inner.schema)
    return schema


def operation(operation: Operation, query: Schema | None) -> dict[str, Any]:
    """Return what the document says of an operation beside its successful answer."""
    found: list[type[BankError]] = [errors.ValidationFailed, *operation.errors, BankError, errors.Unavailable]
    parameters: list[Mapping[str, Any]] = [*_REQUEST_HEADERS, *operation.parameters]
    doc: dict[str, Any] = {}
    if operation.method in ("POST", "PUT", "PATCH", "DELETE"):
        found += _BODY_PROBLEMS
    if operation.access is not Access.PUBLIC:
        found += _TOKEN_PROBLEMS + _KEY_PROBLEMS
        doc["security"] = _security(operation.scope)
    if operation.access is Access.STAFF:
        found.append(errors.Forbidden)
    if operation.limits:
        found.append(errors.RateLimited)
    if "<id:" in operation.rule:
        found.append(errors.NotFound)
    if operation.idempotent:
        found += _IDEMPOTENCY_PROBLEMS
        parameters.append(_IDEMPOTENCY_KEY)
    if query is not None:
        parameters.append({"in": "query", "schema": type(query)})
    if operation.body is not None:
        content = {"schema": operation.body, "example": example_of(operation.body())}
        required = getattr(operation.body, "body_required", True)
        doc["requestBody"] = {"required": required, "content": {"application/json": content}}
    answers: dict[Any, Any] = dict(_problems(found)) | {
        str(status): _alternative(status, schema) for status, schema in operation.also.items()
    }
    if operation.downloads or operation.streams:
        # An integer, as flask-smorest keeps the successful answer, with which it is merged.
        answers[200] = _files(operation) if operation.downloads else _EVENT_STREAM
    return doc | {"parameters": parameters, "responses": answers}


def _security(scope: Scope | None) -> list[dict[str, list[str]]]:
    token: dict[str, list[str]] = {"bearer": []}
    return [token] if scope is None else [token, {"apiKey": [scope.value]}]


def _files(operation: Operation) -> dict[str, Any]:
    file = {"schema": {"type": "string", "format": "binary"}}
    described = _CONTENT_DISPOSITION
    if operation.answer is None:
        described = described | {"required": True}
    return {"content": dict.fromkeys(operation.downloads, file), "headers": {"Content-Disposition": described}}


def _alternative(status: int, schema: type[Schema]) -> dict[str, Any]:
    content = {"schema": complete(schema()), "example": example_of(schema())}
    return {"description": phrase(status), "content": {"application/json": content}}


def _problems(kinds: Sequence[type[BankError]]) -> Iterable[tuple[str, dict[str, Any]]]:
    for status in sorted({*STATUSES.values(), 500}):
        leaves = [kind for kind in kinds if status_of(kind) == status]
        if leaves:
            codes = ", ".join(sorted({f"`{kind.code}`" for kind in leaves}))
            content = {"schema": Problem, "example": _example(leaves[0], status)}
            answer = {"description": f"{phrase(status)}: {codes}", "content": {MEDIA_TYPE: content}}
            yield str(status), answer | _HEADERS_OF.get(status, {})


def _example(kind: type[BankError], status: int) -> dict[str, Any]:
    document = example_of(Problem()) | {
        "type": f"urn:bankapp:problem:{kind.code}",
        "title": kind.title,
        "status": status,
        "detail": kind.usual_detail or f"{kind.title}.",
        "instance": "/v1/…",
        "code": kind.code,
        "request_id": EXAMPLE_ID,
    }
    if kind is not errors.ValidationFailed:
        document["errors"] = {}
    if status != 422:
        del document["errors"]
    return document
