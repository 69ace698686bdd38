"""The OpenAPI document is as strict as the service, and generators of clients make the types that people expect."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy, characters, from_regex
from marshmallow import ValidationError, fields

from bankapp import ids
from bankapp.schemas import account_holders, accounts, audit_logs, auth, authorizations, transactions
from tests.support import conformance
from tests.support.factories import PASSWORD, PERSON, Bank, Caller, ok, refused
from tests.support.routes import operations

REFERENCE = "#/components/schemas/"
NO_KEYS = ["", '""', "k" * 256, "ké", "a\x7fb", "a\tb"]
KEYS = ["k", "K" * 255, "7d0a5c1e rent", '"quoted"', '" "', '"a\\"b"']
NO_DEVICES = ["", "d" * 129, "é", "\x7f"]


@pytest.fixture(scope="module")
def ada(app: Any) -> Caller:
    return Bank(app).customer()


def schema_of(described: dict[str, Any]) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(
        described | {"components": conformance.document()["components"]}, validate_formats=True
    )


def component(name: str) -> jsonschema_rs.Draft202012Validator:
    return schema_of({"$ref": REFERENCE + name})


def parameter(path: str, method: str, name: str) -> dict[str, Any]:
    described = conformance.document()["paths"][path][method]["parameters"]
    return next(found["schema"] for found in described if found["name"] == name)


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Return every object of a document with its path."""
    if isinstance(node, dict):
        yield path, node
        for name, value in node.items():
            if name not in ("example", "examples"):
                yield from nodes(value, f"{path}/{name}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from nodes(value, f"{path}/{index}")


def test_a_transfer_has_exactly_one_target(ada: Caller) -> None:
    account = ada.account()
    body = {"from_account_id": account["id"], "amount": 1, "currency": "EUR"}
    by_id, by_number = {"to_account_id": ids.new()}, {"to_account_number": account["number"]}
    described = component("NewTransfer")
    assert described.is_valid(body | by_id)
    assert described.is_valid(body | by_number)
    for targets in ({}, by_id | by_number):
        assert not described.is_valid(body | targets)
        assert not component("NewBatch").is_valid({"transfers": [body | targets]})
        refused(ada.post("/transfers", body | targets), 422, "validation_error")


def test_personal_data_comes_whole_or_not_at_all() -> None:
    described, body = component("Signup"), {"email": "ada@example.com", "password": PASSWORD}
    assert described.is_valid(body)
    assert described.is_valid(body | PERSON)
    for name in PERSON:
        assert not described.is_valid(body | {name: PERSON[name]})
        assert not described.is_valid(body | {other: PERSON[other] for other in PERSON if other != name})


@pytest.mark.parametrize("cursor", ["", " ", "a b", "ä", "%00"])
def test_a_cursor_that_the_document_refuses(bank: Bank, ada: Caller, cursor: str) -> None:
    for operation in operations(bank.app):
        if any(found["name"] == "cursor" for found in operation.query_parameters):
            path = conformance.path_of(operation.rule.rule)
            assert not schema_of(parameter(path, "get", "cursor")).is_valid(cursor), operation
    refused(ada.get("/transactions", query_string={"cursor": cursor}), 422, "validation_error")


def test_a_cursor_that_the_service_made(ada: Caller) -> None:
    account = ada.account(balance=1)
    ada.deposit(account, 1)
    for path in ("/transactions", "/audit-logs", "/accounts", "/auth/sessions", "/currencies"):
        cursor = ok(ada.get(f"{path}?limit=1"))["next_cursor"]
        assert cursor is None or schema_of(parameter(f"/v1{path}", "get", "cursor")).is_valid(cursor)


def test_idempotency_keys(ada: Caller) -> None:
    account = ada.account()
    described = schema_of(parameter("/v1/transactions", "post", "Idempotency-Key"))
    for key in KEYS:
        assert described.is_valid(key), key
        ok(ada.move(account, 1, "deposit", key=key), 201)
    for key in NO_KEYS:
        assert not described.is_valid(key), key
        # What cannot be sent as a header is no case of the service.
        if key.isprintable():
            refused(ada.move(account, 1, "deposit", key=key), 400, "idempotency_key_invalid")


def test_device_ids(bank: Bank, ada: Caller) -> None:
    described = schema_of(parameter("/v1/accounts", "get", "X-Device-Id"))
    for device in ("d", "~" * 128, "Ada's laptop"):
        assert described.is_valid(device)
        caller = bank.signed_in(ada.email, **{"X-Device-Id": device})
        assert ok(caller.get("/auth/sessions?limit=1"))["items"][0]["device_id"] == device
    for device in NO_DEVICES:
        assert not described.is_valid(device)


def test_ids_times_and_days_are_written_in_one_way() -> None:
    known = ids.new()
    for path, name, good, bad in (
        ("/v1/transactions", "account_id", [known], ["", known.upper(), f"{{{known}}}", known.replace("-", "")]),
        (
            "/v1/transactions",
            "from",
            ["2026-01-01T00:00:00Z"],
            ["2026-01-01t00:00:00z", "2026-01-01T00:00:00.1234567Z"],
        ),
        ("/v1/statements/{account_id}", "from", ["2026-01-01"], ["", "2026-1-1", "20260101"]),
    ):
        described = schema_of(parameter(path, "get", name))
        assert all(described.is_valid(value) for value in good)
        assert not any(described.is_valid(value) for value in bad)


TEXTS: dict[str, fields.Field[Any]] = {
    "name": account_holders.NewAccountHolder().fields["first_name"],
    "description": transactions.NewTransaction().fields["description"],
    "merchant": authorizations.NewAuthorization().fields["merchant"],
    "one-time code": auth.Login().fields["otp"],
    "refresh token": auth.Refresh().fields["refresh_token"],
    "password": auth.Login().fields["password"],
    "kind of event": audit_logs.AuditLogQuery().fields["event_type"],
    "id": accounts.Account().fields["id"],
}


def described_text(field: fields.Field[Any]) -> SearchStrategy[str]:
    """Return what the document says of ``field``: text that its pattern matches, as long as may be."""
    lengths = [found for found in field.validators if hasattr(found, "max")]
    longest: int = lengths[0].max if lengths else 36
    alphabet = characters(max_codepoint=0x20FF, exclude_categories=["Cs"])
    texts = from_regex(field.metadata["pattern"].removesuffix("$") + r"\Z", alphabet=alphabet)
    return texts.filter(lambda text: 1 <= len(unicodedata.normalize("NFC", text)) <= longest)


@pytest.mark.parametrize("field", TEXTS.values(), ids=TEXTS.keys())
def test_text_that_fits_the_document_is_accepted(field: fields.Field[Any]) -> None:
    @given(described_text(field))
    @settings(max_examples=60, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    def accept(text: str) -> None:
        try:
            field.deserialize(text)
        except ValidationError as problem:
            raise AssertionError(f"{text!r}: {problem.messages}") from None

    accept()


def requested(node: Any) -> set[str]:
    """Return the names of the schemas that ``node`` refers to, and those to which they refer."""
    found: set[str] = set()
    for _, inner in nodes(node):
        name = str(inner.get("$ref", "")).removeprefix(REFERENCE)
        if name and name not in found:
            found |= {name} | requested(conformance.document()["components"]["schemas"][name])
    return found


def test_no_text_of_a_request_is_without_its_pattern(bank: Bank) -> None:
    schemas = conformance.document()["components"]["schemas"]
    for operation in operations(bank.app):
        described = operation.description or {}
        parameters = [found["schema"] for found in described["parameters"] if found["name"] != "If-Match"]
        bodies = [schemas[name] for name in requested(described.get("requestBody"))]
        for path, node in nodes([*parameters, *bodies]):
            if "string" in node.get("type", "") and "enum" not in node:
                assert "pattern" in node or (node.get("format") == "uuid" and not bodies), f"{operation}: {path} {node}"


def test_a_field_that_may_be_left_out_has_no_default_and_a_parameter_is_never_null(bank: Bank) -> None:
    for path, node in nodes(conformance.document()["components"]["schemas"]):
        assert "default" not in node or path.endswith("/properties"), path
    for operation in operations(bank.app):
        for found in (operation.description or {})["parameters"]:
            for path, node in nodes(found["schema"]):
                assert node.get("default", "") is not None, f"{operation}: {found['name']}{path}"
                assert "null" not in node.get("type", ""), f"{operation}: {found['name']}{path}"
                assert None not in node.get("enum", []), f"{operation}: {found['name']}{path}"


def test_every_enum_is_one_named_schema() -> None:
    lists = {}
    for path, node in nodes(conformance.document()):
        if "enum" in node:
            assert path.count("/") == 3, f"{path} repeats an enum of components"
            assert path.startswith("/components/schemas/"), f"{path} repeats an enum of components"
            assert None not in node["enum"]
            assert lists.setdefault(tuple(node["enum"]), path) == path
    assert len(lists) > 8
