"""Declares and calls endpoints: every endpoint shares parsing, idempotency and rendering."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import flask_smorest
from flask import Response, request
from marshmallow import Schema

from bankapp.api import idempotency, limits, openapi, operations
from bankapp.api.operations import NO_KEYS, Access, Operation, Scope
from bankapp.api.parsing import load_body, load_query, refuse_stray_input
from bankapp.listing import Page
from bankapp.schemas.base import example_of
from bankapp.schemas.layout import json_of
from bankapp.schemas.pagination import PageQuery, page_of
from bankapp.services.idempotency import Answer, Replay

View = Callable[..., Any]

__all__ = ["NO_KEYS", "Access", "Blueprint", "Operation", "Scope"]


class Blueprint(flask_smorest.Blueprint):
    """A resource's endpoints under ``/v1``."""

    def __init__(self, name: str, import_name: str, description: str) -> None:
        super().__init__(name, import_name, url_prefix="/v1", description=description)

    def operation(self, operation: Operation) -> Callable[[View], View]:
        """Declare a view as ``operation``. Raises TypeError when only one of the two knows of a claim."""

        def decorate(view: View) -> View:
            takes_claim = "claim" in inspect.signature(view).parameters
            if takes_claim != operation.idempotent:
                raise TypeError(f"{view.__name__}: a view takes a claim if and only if its operation is idempotent")
            endpoint = _Endpoint(view, operation)
            functools.update_wrapper(endpoint, view)
            documented = self.doc(operationId=view.__name__, **openapi.operation(operation, endpoint.query))(endpoint)
            if endpoint.schema is not None:
                answered = self.response(operation.status, endpoint.schema, example=example_of(endpoint.schema))
            else:
                answered = self.response(operation.status, description=openapi.phrase(operation.status))
            self.add_url_rule(
                operation.rule, endpoint=view.__name__, view_func=answered(documented), methods=[operation.method]
            )
            operations.register(f"{self.name}.{view.__name__}", operation)
            return view

        return decorate


class _Endpoint:
    """The view function of an operation: reads the request, calls the view, writes the answer."""

    def __init__(self, view: View, operation: Operation) -> None:
        self._view = view
        self._operation = operation
        self._body = operation.body() if operation.body else None
        self.query = operation.query() if operation.query else None
        self.schema = _answer_schema(operation.answer, self.query)
        self._json_of = json_of(self.schema) if self.schema else None

    def __call__(self, *args: Any, **kwargs: Any) -> Response:
        if self._operation.limits:
            limits.check(self._operation.limits)
        refuse_stray_input(body=self._body is not None, query=self.query is not None)
        if self.query is not None:
            kwargs |= load_query(self.query)
        if self._body is not None:
            args = (load_body(self._body), *args)
        if self._operation.idempotent:
            kwargs["claim"] = idempotency.claim(self._render_for_replay)
        try:
            result = self._view(*args, **kwargs)
        except Replay as replay:
            return _respond(replay.answer)
        return result if isinstance(result, Response) else _respond(self._render(result))

    def _render(self, result: Any) -> Answer:
        """Write a view's result as an answer. Equal results give equal bytes."""
        if self._json_of is None:
            return Answer(self._operation.status, b"")
        if isinstance(result, Page) and isinstance(self.query, PageQuery):
            result = {"items": result.items, "next_cursor": self.query.encode(result.next_position, request.args)}
        return Answer(self._operation.status, self._json_of(result), etag=_etag_of(result))

    def _render_for_replay(self, result: Any) -> Answer:
        on_replay = self._operation.on_replay
        return self._render(on_replay(result) if on_replay else result)


def _answer_schema(answer: type[Schema] | None, query: Schema | None) -> Schema | None:
    if answer is None:
        return None
    return openapi.complete(page_of(answer)() if isinstance(query, PageQuery) else answer())  # type: ignore[arg-type]  # all are BaseSchema


def _etag_of(result: Any) -> str | None:
    version = getattr(result, "version", None)
    return None if version is None else str(version)


def _respond(answer: Answer) -> Response:
    response = Response(answer.body, answer.status, content_type=answer.media_type if answer.body else None)
    if answer.replayed:
        response.headers[idempotency.REPLAYED] = "true"
    if answer.etag:
        response.headers["ETag"] = f'"{answer.etag}"'
    return response
