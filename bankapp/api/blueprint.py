"""How an endpoint is declared: one decorator that says who may call it, what it takes and what it answers.

``access`` has no default, so an endpoint without a rule cannot be written. Everything that is the
same for all endpoints hangs here: parsing, rendering, idempotency, and their share of the OpenAPI
document.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import flask_smorest
from flask import Response, request
from marshmallow import Schema

from bankapp import context, errors
from bankapp.api import idempotency, openapi
from bankapp.api.limits import Limit
from bankapp.api.parsing import load_body, load_query, refuse_stray_input
from bankapp.context import Answer
from bankapp.endpoints import Access, declare
from bankapp.errors import BankError, Unavailable
from bankapp.listing import Page
from bankapp.schemas.base import example_of
from bankapp.schemas.layout import json_of
from bankapp.schemas.pagination import PageQuery, page_of
from bankapp.services.idempotency import Replay

View = Callable[..., Any]

__all__ = ["Access", "Blueprint"]


class Blueprint(flask_smorest.Blueprint):
    """A resource's endpoints under ``/v1``."""

    def __init__(self, name: str, import_name: str, description: str) -> None:
        super().__init__(name, import_name, url_prefix="/v1", description=description)

    def operation(
        self,
        method: str,
        rule: str,
        *,
        access: Access,
        answer: type[Schema] | None = None,
        status: int = 200,
        body: type[Schema] | None = None,
        query: type[Schema] | None = None,
        idempotent: bool = False,
        body_limit_bytes: int | None = None,
        limits: Sequence[Limit] = (),
        errors: Sequence[type[errors.BankError]] = (),
        on_replay: Callable[[Any], Any] | None = None,
        also: Mapping[int, type[Schema]] | None = None,
        downloads: Sequence[str] = (),
        extra_parameters: Sequence[dict[str, Any]] = (),
    ) -> Callable[[View], View]:
        """Declare a view as the operation ``method rule``.

        The view gets ``body`` as its first argument and the fields of ``query`` by name, and
        returns what ``answer`` lays out (a Page where ``query`` is a PageQuery), or a Response.
        ``body_limit_bytes`` lets the body be larger than others may.
        ``on_replay`` says what of the result a replay shows. ``also`` (answers of other statuses),
        ``downloads`` (other media types) and ``extra_parameters`` are for the document alone.
        """
        queried = query() if query else None
        schema = _answer_schema(answer, queried)
        renderer = _Renderer(schema, status, queried)

        def decorate(view: View) -> View:
            @functools.wraps(view)
            def call(*args: Any, **kwargs: Any) -> Response:
                try:
                    refuse_stray_input(body=body is not None, query=query is not None)
                    if queried is not None:
                        kwargs |= load_query(queried)
                    if body is not None:
                        args = (load_body(_loader(body)), *args)
                    response = _run(view, args, kwargs, renderer, idempotent=idempotent, on_replay=on_replay)
                except Unavailable:
                    raise
                except BankError:
                    # That a token does not count any more is told first, whatever else is wrong with the request.
                    context.identify()
                    raise
                context.identify()
                return response

            declare(call, access, identifies=not limits)
            call.body_limit_bytes = body_limit_bytes  # type: ignore[attr-defined]  # read by api/parsing.py
            call.limits = limits  # type: ignore[attr-defined]  # read by api/limits.py
            documented = self.doc(
                operationId=view.__name__,
                **openapi.operation(
                    rule=rule,
                    method=method,
                    public=access is Access.PUBLIC,
                    staff=access is Access.STAFF,
                    body=body,
                    query=queried,
                    idempotent=idempotent,
                    limited=bool(limits),
                    kinds=errors,
                    also=also or {},
                    downloads=downloads,
                    extra_parameters=extra_parameters,
                ),
            )(call)
            if schema is not None:
                documented = self.response(status, schema, example=example_of(schema))(documented)
            else:
                documented = self.response(status, description=openapi.phrase(status))(documented)
            self.add_url_rule(rule, endpoint=view.__name__, view_func=documented, methods=[method])
            # What documents it is not called for every request: it would only pass the Response on.
            self.record(lambda state: state.app.view_functions.update({f"{state.name}.{view.__name__}": call}))
            return view

        return decorate


@functools.cache
def _loader(schema: type[Schema]) -> Schema:
    return schema()


def _answer_schema(answer: type[Schema] | None, query: Schema | None) -> Schema | None:
    if answer is None:
        return None
    return openapi.complete(page_of(answer)() if isinstance(query, PageQuery) else answer())  # type: ignore[arg-type]  # all are BaseSchema


class _Renderer:
    """Lays a view's result out as the bytes of its answer."""

    def __init__(self, schema: Schema | None, status: int, query: Schema | None) -> None:
        self._json_of = json_of(schema) if schema else None
        self._status = status
        self._query = query

    def __call__(self, result: Any) -> Answer:
        if self._json_of is None:
            return Answer(self._status, b"")
        if isinstance(result, Page) and isinstance(self._query, PageQuery):
            result = {"items": result.items, "next_cursor": self._query.encode(result.next_position, request.args)}
        return Answer(self._status, self._json_of(result), etag=etag_of(result))


def etag_of(result: Any) -> str | None:
    """Return the entity tag of a versioned resource, or None for any other."""
    version = getattr(result, "version", None)
    return None if version is None else str(version)


def _run(
    view: View,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    renderer: _Renderer,
    *,
    idempotent: bool,
    on_replay: Callable[[Any], Any] | None,
) -> Response:
    kept: list[Answer] = []

    def render(result: Any) -> Answer:
        # Called inside the transaction that does the work; the client gets these very bytes.
        kept[:] = [renderer(result)]
        return renderer(on_replay(result)) if on_replay else kept[0]

    if idempotent:
        claim = idempotency.claim(render)
        context.update(claim=claim)
    try:
        result = view(*args, **kwargs)
    except Replay as replay:
        return _respond(replay.answer)
    if isinstance(result, Response):
        return result
    return _respond(kept[0] if kept else renderer(result))


def _respond(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, content_type=answer.media_type if answer.body else None)
    if answer.replayed:
        response.headers[idempotency.REPLAYED] = "true"
    if answer.etag:
        response.headers["ETag"] = f'"{answer.etag}"'
    return response
