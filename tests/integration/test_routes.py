"""Policies of every route, tested on each rule of the application."""

from __future__ import annotations

from typing import Final

import pytest

from bankapp.api import operations as declared_operations
from bankapp.endpoints import NO_KEYS, Access, Scope, access_of, scope_of
from tests.support.factories import Bank, Caller, refused
from tests.support.routes import WITH_BODY, is_of_the_api, operations

PUBLIC: Final = {
    "auth.signup",
    "auth.login",
    "auth.refresh",
    "health.read_health",
    "health.read_liveness",
    "health.read_readiness",
}
"""The operations without sign-in; each new line needs a decision."""

KEYLESS: Final = {"auth", "second-factor", "api-keys", "account-holders", "audit-logs", "health", "payees.trust_payee"}
"""The blueprints and single operations that no API key may call; each new name needs a decision."""

READS_BY_POST: Final = {"category_rules.preview_category_rule"}
"""The operations that take a body and change nothing; each new name needs a decision."""

KIB: Final = 1024
MEMBERS: Final = {"type", "title", "status", "detail", "instance", "code", "request_id"}


@pytest.fixture(scope="module")
def people(app: object) -> dict[Access, Caller]:
    bank = Bank(app)  # type: ignore[arg-type]  # pytest-flask names the fixture
    return {Access.PUBLIC: bank.anonymous(), Access.USER: bank.customer(), Access.STAFF: bank.employee()}


def test_every_route_declares_who_may_call_it(bank: Bank) -> None:
    for rule in bank.app.url_map.iter_rules():
        declared = access_of(rule.endpoint)
        assert isinstance(declared, Access), f"{rule.endpoint} has no access rule"
        if is_of_the_api(rule):
            assert (declared is Access.PUBLIC) == (rule.endpoint in PUBLIC), rule.endpoint


def test_every_operation_of_the_api_declares_the_scope_of_keys(bank: Bank) -> None:
    scopes = {rule.endpoint: scope_of(rule.endpoint) for rule in bank.app.url_map.iter_rules()}
    assert {scope for scope in scopes.values() if scope} == set(Scope), "a scope that no operation asks for"
    for rule in bank.app.url_map.iter_rules():
        scope, access = scopes[rule.endpoint], access_of(rule.endpoint)
        if not is_of_the_api(rule):
            assert scope is NO_KEYS, f"{rule.endpoint} is not of the API and takes no keys"
            continue
        assert rule.endpoint in operations_of_modules(), f"{rule.endpoint} declares no operation"
        if access is not Access.USER:
            assert scope is NO_KEYS, f"{rule.endpoint} takes keys, but is for {access}"
        elif not KEYLESS.isdisjoint({rule.endpoint, rule.endpoint.split(".")[0]}):
            assert scope is NO_KEYS, rule.endpoint
        else:
            reads = rule.endpoint in READS_BY_POST or (rule.methods is not None and "GET" in rule.methods)
            assert scope is not None, f"{rule.endpoint} takes no keys: add its blueprint to KEYLESS"
            assert scope.value.endswith(":read" if reads else ":write"), rule.endpoint


def operations_of_modules() -> set[str]:
    return set(declared_operations._OPERATIONS)


def test_every_route_is_documented(bank: Bank) -> None:
    undocumented = [str(operation) for operation in operations(bank.app) if operation.description is None]
    assert undocumented == []


def test_every_protected_route_refuses_a_missing_token(bank: Bank) -> None:
    anonymous = bank.anonymous()
    for operation in operations(bank.app):
        if operation.access is not Access.PUBLIC:
            answer = anonymous.request(operation.method, operation.path)
            assert set(refused(answer, 401, "token_missing")) == MEMBERS, str(operation)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Bearer a.b.c", "Bearer x", "Basic YTpi", "Bearer a b", "é"])
def test_every_protected_route_refuses_an_invalid_token(bank: Bank, header: str) -> None:
    anonymous = bank.anonymous(Authorization=header)
    for operation in operations(bank.app):
        if operation.access is not Access.PUBLIC:
            answer = anonymous.request(operation.method, operation.path)
            refused(answer, 401, "token_invalid")
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_staff_operations_are_forbidden_to_customers(bank: Bank, people: dict[Access, Caller]) -> None:
    for operation in operations(bank.app):
        if operation.access is Access.STAFF:
            refused(people[Access.USER].request(operation.method, operation.path), 403, "forbidden")


def test_an_unknown_id_is_not_found(bank: Bank, people: dict[Access, Caller]) -> None:
    for operation in operations(bank.app):
        if operation.rule.arguments:
            for who in {operation.access, Access.STAFF}:
                body = {"json": operation.example} if operation.example else {}
                caller = people[who or Access.USER]
                path = operation.path
                answer = caller.request(operation.method, path, headers={"If-Match": "*"}, **body)
                assert refused(answer, 404, "not_found")["instance"] == f"/v1{path}"


def test_an_id_in_another_form_is_not_found(bank: Bank, people: dict[Access, Caller]) -> None:
    for operation in operations(bank.app):
        if operation.rule.arguments:
            for other in (operation.path.upper(), operation.path.replace("-", ""), f"{operation.path}0", "/%00"):
                answer = people[Access.STAFF].request(operation.method, other)
                assert answer.status_code in (404, 405), f"{operation}: {other} → {answer.status_code}"


@pytest.mark.parametrize(
    ("body", "content_type", "outcome"),
    [
        (b"{", "application/json", (400, "malformed_request")),
        (b'{"a": 1, "a": 1}', "application/json", (400, "malformed_request")),
        (b'{"a": NaN}', "application/json", (400, "malformed_request")),
        (b"[]", "application/json", (400, "malformed_request")),
        (b"null", "application/json", (400, "malformed_request")),
        (b'"text"', "application/json", (400, "malformed_request")),
        (b"\xff", "application/json", (400, "malformed_request")),
        (b"{}", "text/plain", (415, "unsupported_media_type")),
        (b"{}", "application/x-www-form-urlencoded", (415, "unsupported_media_type")),
        (b"a=b", "multipart/form-data; boundary=x", (415, "unsupported_media_type")),
        (b"{}", None, (415, "unsupported_media_type")),
        (b'{"no_such_field": "\\u0000"}', "application/json", (422, "validation_error")),
        (b'{"no_such_field": "\\ud800"}', "application/json", (422, "validation_error")),
    ],
)
def test_every_route_refuses_a_malformed_body(
    bank: Bank, people: dict[Access, Caller], body: bytes, content_type: str | None, outcome: tuple[int, str]
) -> None:
    for operation in operations(bank.app):
        if operation.method in WITH_BODY:
            caller = people[operation.access or Access.USER]
            answer = caller.request(operation.method, operation.path, data=body, content_type=content_type)
            assert set(refused(answer, *outcome)) >= MEMBERS, str(operation)


def test_every_route_refuses_a_body_over_its_limit(bank: Bank, people: dict[Access, Caller]) -> None:
    for operation in operations(bank.app):
        if operation.method in WITH_BODY:
            limit = (1024 if operation.path.endswith("/batch") else 64) * KIB
            caller, padded = people[operation.access or Access.USER], b"[]".ljust(limit + 1)
            at_limit = caller.request(
                operation.method, operation.path, data=padded[:-1], content_type="application/json"
            )
            refused(at_limit, 400, "malformed_request")
            above = caller.request(operation.method, operation.path, data=padded, content_type="application/json")
            refused(above, 413, "payload_too_large")


def test_an_unknown_field_is_refused(bank: Bank, people: dict[Access, Caller]) -> None:
    for operation in operations(bank.app):
        if operation.method in WITH_BODY:
            caller, body = people[operation.access or Access.USER], operation.example | {"no_such_field": 1}
            problem = refused(caller.request(operation.method, operation.path, json=body), 422, "validation_error")
            assert problem["errors"].keys() == {"no_such_field"}, str(operation)


def test_an_unknown_or_repeated_query_parameter_is_refused(bank: Bank, people: dict[Access, Caller]) -> None:
    for operation in operations(bank.app):
        caller = people[operation.access or Access.USER]
        answer = caller.request(operation.method, f"{operation.path}?no_such_parameter=1", json=operation.example)
        found = refused(answer, 422, "validation_error")["errors"]
        missing = {parameter["name"] for parameter in operation.query_parameters if parameter.get("required")}
        assert found.keys() == {"no_such_parameter"} | missing, str(operation)
        for parameter in operation.query_parameters:
            name = parameter["name"]
            answer = caller.request(operation.method, f"{operation.path}?{name}=1&{name}=1", json=operation.example)
            assert refused(answer, 422, "validation_error")["errors"][name] == ["Must be given once."], str(operation)


@pytest.mark.parametrize("method", ["PUT", "BREW", "TRACE"])
def test_another_method_is_not_allowed(bank: Bank, method: str) -> None:
    for rule in {operation.rule.rule: operation for operation in operations(bank.app)}.values():
        if method in {other.method for other in operations(bank.app) if other.rule.rule == rule.rule.rule}:
            continue
        answer = bank.anonymous().request(method, rule.path)
        refused(answer, 405, "method_not_allowed")
        allowed = set(answer.headers["Allow"].split(", "))
        assert rule.method in allowed
        assert method not in allowed
        options = bank.anonymous().request("OPTIONS", rule.path)
        assert (options.status_code, options.data) == (200, b"")
        assert set(options.headers["Allow"].split(", ")) == allowed


def test_head_answers_like_get_without_the_body(bank: Bank, people: dict[Access, Caller]) -> None:
    for operation in operations(bank.app):
        if operation.method == "GET":
            caller = people[operation.access or Access.USER]
            get, head = caller.get(operation.path), caller.request("HEAD", operation.path)
            assert (head.status_code, head.data) == (get.status_code, b"")
            assert head.content_type == get.content_type


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v2/accounts", "/v1/nothing", "/v1//accounts", "/favicon.ico"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "BREW"])
def test_an_unknown_path_is_not_found(bank: Bank, method: str, path: str) -> None:
    answer = bank.app.test_client().open(path, method=method, data=b"{", content_type="text/plain")
    assert refused(answer, 404, "not_found")["instance"] == path


def test_a_trailing_slash_is_another_path(bank: Bank, people: dict[Access, Caller]) -> None:
    for operation in operations(bank.app):
        answer = people[operation.access or Access.USER].request(operation.method, f"{operation.path}/")
        refused(answer, 404, "not_found")
