"""Declared operations: view and operation agree about the claim, and each says who may call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from bankapp import endpoints
from bankapp.api import operations
from bankapp.api.blueprint import NO_KEYS, Access, Blueprint, Operation
from config import ROOT
from tests.support.databases import application, settings
from tests.support.routes import is_of_the_api

WRITING = {"POST", "PUT", "PATCH", "DELETE"}


@pytest.fixture(scope="module")
def sqlite_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    path: Path = tmp_path_factory.mktemp("database") / "empty.sqlite3"
    with application(settings(f"sqlite:///{path}")) as app:
        yield app


@pytest.fixture
def blueprint() -> Blueprint:
    return Blueprint("trials", __name__, "For tests.")


def create_without_claim() -> None:
    """Create."""


def create_with_claim(claim: object = None) -> None:
    """Create."""


def test_an_idempotent_operation_whose_view_takes_no_claim_is_refused(blueprint: Blueprint) -> None:
    operation = Operation("POST", "/trials", access=Access.USER, scope=NO_KEYS, status=204, idempotent=True)
    with pytest.raises(TypeError, match="create_without_claim"):
        blueprint.operation(operation)(create_without_claim)
    assert_not_registered(blueprint, "create_without_claim")


def test_a_view_that_takes_a_claim_is_idempotent(blueprint: Blueprint) -> None:
    operation = Operation("POST", "/trials", access=Access.USER, scope=NO_KEYS, status=204)
    with pytest.raises(TypeError, match="create_with_claim"):
        blueprint.operation(operation)(create_with_claim)
    assert_not_registered(blueprint, "create_with_claim")


def assert_not_registered(blueprint: Blueprint, view: str) -> None:
    assert blueprint.deferred_functions == []
    assert operations.of(f"trials.{view}") is None
    assert endpoints.access_of(f"trials.{view}") is None


def test_an_operation_without_access_cannot_be_written() -> None:
    described: dict[str, Any] = {"method": "GET", "rule": "/trials", "scope": NO_KEYS}
    with pytest.raises(TypeError, match="access"):
        Operation(**described)


def test_an_operation_without_scope_cannot_be_written() -> None:
    described: dict[str, Any] = {"method": "GET", "rule": "/trials", "access": Access.USER}
    with pytest.raises(TypeError, match="scope"):
        Operation(**described)


def test_an_operation_for_no_key_says_so_by_name() -> None:
    for path in (ROOT / "bankapp/api").glob("*.py"):
        assert "scope=None" not in path.read_text(), f"{path.name}: write NO_KEYS"


def test_an_endpoint_that_declares_nothing_has_no_access() -> None:
    assert endpoints.access_of("trials.unknown") is None
    assert endpoints.scope_of("trials.unknown") is NO_KEYS
    assert operations.of("trials.unknown") is None
    assert operations.of(None) is None


def test_every_endpoint_of_the_api_is_a_declared_operation(sqlite_app: Flask) -> None:
    rules = [rule for rule in sqlite_app.url_map.iter_rules() if is_of_the_api(rule)]
    assert len(rules) > 40
    for rule in rules:
        operation = operations.of(rule.endpoint)
        assert operation is not None, rule.endpoint
        assert isinstance(operation.access, Access), rule.endpoint
        assert endpoints.access_of(rule.endpoint) is operation.access, rule.endpoint
        assert operation.method in (rule.methods or ()), rule.endpoint
        assert "/v1" + operation.rule == rule.rule


def test_idempotent_operations_have_a_user_and_a_method_that_writes(sqlite_app: Flask) -> None:
    # A key has the scope of a user, so a request without one could not claim it.
    for rule in sqlite_app.url_map.iter_rules():
        operation = operations.of(rule.endpoint)
        if operation is not None and operation.idempotent:
            assert operation.access is not Access.PUBLIC, rule.endpoint
            assert operation.method in WRITING, rule.endpoint


@pytest.mark.parametrize(
    "rule",
    [
        "/accounts",
        "/transactions",
        "/transfers",
        "/transfers/batch",
        "/transfers/<id:transfer_id>/reversal",
        "/cards",
        "/cards/<id:card_id>/authorizations",
        "/authorizations/<id:authorization_id>/capture",
    ],
)
def test_what_the_contract_names_is_idempotent(sqlite_app: Flask, rule: str) -> None:
    found = [operations.of(one.endpoint) for one in sqlite_app.url_map.iter_rules() if one.rule == f"/v1{rule}"]
    assert [operation.idempotent for operation in found if operation is not None and operation.method == "POST"] == [
        True
    ]
