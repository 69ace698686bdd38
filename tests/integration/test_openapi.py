"""The OpenAPI document: valid, complete, and with examples that work."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from bankapp.api.errors import STATUSES
from bankapp.endpoints import Access, Scope, scope_of
from tests.support import conformance
from tests.support.conformance import JSON, PROBLEM
from tests.support.factories import Bank, Caller
from tests.support.routes import WITH_BODY, operations


@pytest.fixture(scope="module")
def document(app: Any) -> dict[str, Any]:
    found = app.test_client().get("/openapi.json")
    assert found.content_type == JSON
    # The other tests compare their answers with the same document.
    assert found.json == json.loads(json.dumps(conformance.document()))
    return dict(found.json)


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_operations_have_an_id_a_summary_and_security(bank: Bank, document: dict[str, Any]) -> None:
    names = set()
    for operation in operations(bank.app):
        described = operation.description or {}
        assert described["summary"], operation
        assert not described["summary"].endswith("."), operation
        assert described["tags"], operation
        names.add(described["operationId"])
        if operation.access is Access.PUBLIC:
            assert described.get("security", []) == [], operation
        else:
            scope = scope_of(operation.rule.endpoint)
            by_key = [{"apiKey": [scope.value]}] if scope else []
            assert described["security"] == [{"bearer": []}, *by_key], operation
    assert len(names) == len(operations(bank.app))
    schemes = document["components"]["securitySchemes"]
    assert {scheme["scheme"] for scheme in schemes.values()} == {"bearer"}
    assert all(f"`{scope.value}`" in schemes["apiKey"]["description"] for scope in Scope)


def test_operations_document_the_statuses_of_their_kind(bank: Bank) -> None:
    for operation in operations(bank.app):
        expected = {"422", "500", "503"}
        expected |= {"400", "413", "415"} if operation.method in WITH_BODY else set()
        expected |= {"401", "403", "429"} if operation.access is not Access.PUBLIC else set()
        expected |= {"404"} if operation.rule.arguments else set()
        assert operation.description is not None
        answers = set(operation.description["responses"])
        assert expected <= answers, f"{operation}: {expected - answers}"
        assert any(status.startswith("2") for status in answers), operation


def test_examples_fit_their_schemas(bank: Bank, document: dict[str, Any]) -> None:
    def check(content: dict[str, Any]) -> None:
        schema = content["schema"] | {"components": document["components"]}
        jsonschema_rs.Draft202012Validator(schema, validate_formats=True).validate(content["example"])

    for operation in operations(bank.app):
        described = operation.description or {}
        if "requestBody" in described:
            check(described["requestBody"]["content"][JSON])
        for answer in described["responses"].values():
            for media_type, content in answer.get("content", {}).items():
                if media_type in (JSON, PROBLEM):
                    check(content)


def test_problems_are_documented_with_their_codes(bank: Bank) -> None:
    for operation in operations(bank.app):
        for status, answer in (operation.description or {})["responses"].items():
            if int(status) in {*STATUSES.values(), 500} and PROBLEM in answer.get("content", {}):
                example = answer["content"][PROBLEM]["example"]
                assert example["status"] == int(status)
                assert f"`{example['code']}`" in answer["description"]


def test_parameters_have_schemas_and_lists_have_both_of_a_page(bank: Bank, document: dict[str, Any]) -> None:
    for operation in operations(bank.app):
        names = {parameter["name"] for parameter in operation.query_parameters}
        # A stream of events is read by position, and its server-sent form has no pages.
        is_sent = any("text/event-stream" in answer.get("content", {}) for answer in _answers(operation).values())
        assert ("limit" in names) == (bool(names & {"cursor", "after"}) and not is_sent), operation
        for parameter in (operation.description or {})["parameters"]:
            schema = parameter["schema"]
            if "$ref" in schema:
                schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
            assert schema.get("type") or schema.get("enum"), (operation, parameter)


def _answers(operation: Any) -> dict[str, Any]:
    return dict((operation.description or {})["responses"])


def test_answers_require_all_their_fields(document: dict[str, Any]) -> None:
    for name in ("Account", "Transaction", "Transfer", "Card", "AccountHolder", "AuditLog", "TokenPair", "Session"):
        schema = document["components"]["schemas"][name]
        assert sorted(schema["required"]) == sorted(schema["properties"]), name
    problem = document["components"]["schemas"]["Problem"]
    assert sorted(problem["required"]) == sorted(set(problem["properties"]) - {"errors"})


def test_every_example_body_is_accepted(bank: Bank) -> None:
    staff: Caller = bank.employee()
    for operation in operations(bank.app):
        if operation.example:
            caller = bank.anonymous() if operation.access is Access.PUBLIC else staff
            answer = caller.request(operation.method, operation.path, json=operation.example)
            problem = answer.get_json() if answer.data else {}
            if operation.rule.endpoint == "api-keys.create_api_key" and problem["errors"].keys() == {"expires_at"}:
                continue  # accepted, but no example lies in the future for ever
            if operation.rule.rule.endswith("/batch") and problem["errors"].keys() == {"0"}:
                continue  # accepted, but each transfer is refused: the accounts of the example do not exist
            assert problem.get("code") not in ("validation_error", "malformed_request"), (operation, problem)
