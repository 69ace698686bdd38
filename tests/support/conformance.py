"""Every answer is compared with the OpenAPI document: status, media type, body and headers."""

from __future__ import annotations

import functools
import re
from typing import Any, Final

import jsonschema_rs
from flask import Flask
from werkzeug.exceptions import HTTPException
from werkzeug.test import TestResponse

from bankapp.extensions import api

JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"


@functools.cache
def document() -> dict[str, Any]:
    """Return the OpenAPI document; it is the same for every application."""
    return api.spec.to_dict()


def path_of(rule: str) -> str:
    """Return a routing rule as the document writes it: ``/v1/cards/<id:card_id>`` → ``/v1/cards/{card_id}``."""
    return re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule)


def checked(app: Flask, response: TestResponse) -> TestResponse:
    """Return ``response``; a difference from the document fails the test."""
    request = response.request
    for name, value in {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}.items():
        assert response.headers.get(name) == value, f"{request.method} {request.path} has no {name}: {value}"
    assert len(response.headers.getlist("X-Request-Id")) == 1
    operation = _operation(app, request.method, request.path)
    if operation is None:
        return response
    name, answers = operation
    described = answers.get(str(response.status_code))
    assert described is not None, f"{name} answers {response.status_code}, which the document does not know"
    if "content" not in described:
        assert response.content_length in (0, None), f"{name} {response.status_code} has a body"
        return response
    assert response.mimetype in described["content"], f"{name} {response.status_code} is {response.mimetype}"
    if request.method != "HEAD" and response.mimetype in (JSON, PROBLEM):
        _validator(name, response.status_code, response.mimetype).validate(response.get_json())
    return response


def _operation(app: Flask, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    try:
        rule, _ = app.url_map.bind("localhost").match(path, method, return_rule=True)
    except HTTPException:
        return None
    verb = "get" if method == "HEAD" else method.lower()
    found = document()["paths"].get(path_of(rule.rule), {}).get(verb)
    return None if found is None else (f"{verb} {path_of(rule.rule)}", found["responses"])


@functools.cache
def _validator(name: str, status: int, media_type: str) -> jsonschema_rs.Draft202012Validator:
    verb, path = name.split()
    schema = document()["paths"][path][verb]["responses"][str(status)]["content"][media_type]["schema"]
    return jsonschema_rs.Draft202012Validator(schema | {"components": document()["components"]}, validate_formats=True)
