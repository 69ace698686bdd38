"""What a request body may look like: RFC 8259 read strictly, the same for every endpoint."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.factories import Bank, Caller, ok, refused

JSON = "application/json"


@pytest.fixture(scope="module")
def ada(app: Any) -> Caller:
    return Bank(app).customer()


@pytest.fixture(scope="module")
def deposit(ada: Caller) -> dict[str, Any]:
    return {"account_id": ada.account()["id"], "type": "deposit", "amount": 5, "currency": "EUR"}


def send(caller: Caller, body: str | bytes, content_type: str | None = JSON, **headers: str) -> Any:
    return caller.post("/transactions", data=body, content_type=content_type, headers=headers)


@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "application/json; charset=utf-8",
        "application/json;charset=UTF-8",
        "Application/JSON",
        "application/vnd.api+json",
        "application/merge-patch+json; version=1",
    ],
)
def test_json_by_another_name(ada: Caller, deposit: dict[str, Any], content_type: str) -> None:
    ok(send(ada, json.dumps(deposit), content_type), 201)


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "text/json", "application/jsonx", "application/xml", "*/*", "json"]
)
def test_what_is_not_json(ada: Caller, deposit: dict[str, Any], content_type: str | None) -> None:
    refused(send(ada, json.dumps(deposit), content_type), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "body",
    [
        "",
        " ",
        "{",
        "}",
        "{} {}",
        "{'amount': 5}",
        '{"amount": 5,}',
        '{"amount": 05}',
        '{"amount": +5}',
        '{"amount": NaN}',
        '{"amount": Infinity}',
        '{"amount": -Infinity}',
        '{"amount": 0x5}',
        '{"amount": 5} // euros',
        '{"amount": "a\nb"}',
        '{"amount": "\\x41"}',
        "\ufeff{}",
        "[]",
        "5",
        "null",
        "true",
        '"text"',
        '{"amount": 5, "amount": 6}',
        '{"amount": 5, "\\u0061mount": 6}',
        '{"description": {"a": 1, "a": 1}}',
        f'{{"amount": {"9" * 4301}}}',
        f'{{"amount": -{"9" * 4301}}}',
        '{"a":' * 17 + "1" + "}" * 17,
        '{"a":' * 16 + "[]" + "}" * 16,
        "[" * 60_000,
        '{"a":' * 10_000,
    ],
    ids=lambda body: body[:16] + (f"…{len(body)}" if len(body) > 16 else ""),
)
def test_what_cannot_be_read(ada: Caller, body: str) -> None:
    problem = refused(send(ada, body), 400, "malformed_request")
    assert problem["detail"] != "Malformed request."


@pytest.mark.parametrize("body", [b"\xff\xfe{\x00}\x00", b"\xc3\x28", '{"description": "é"}'.encode("latin-1")])
def test_what_is_not_utf8(ada: Caller, body: bytes) -> None:
    assert "UTF-8" in refused(send(ada, body), 400, "malformed_request")["detail"]


def test_nesting_up_to_16_levels_is_read(ada: Caller) -> None:
    for body in ('{"a":' * 16 + "1" + "}" * 16, '{"a":' + "[" * 15 + "]" * 15 + "}"):
        assert refused(send(ada, body), 422, "validation_error")["errors"]["a"] == ["Unknown field."]


def test_the_largest_number_that_is_read(ada: Caller, deposit: dict[str, Any]) -> None:
    body = json.dumps(deposit).replace('"amount": 5', f'"amount": {"9" * 4300}')
    assert refused(send(ada, body), 422, "validation_error")["errors"].keys() == {"amount"}


@pytest.mark.parametrize("bad", ["\\u0000", "a\\u0000b", "\\ud800", "\\udc00\\ud800", "a\\udfff"])
def test_nul_and_lone_surrogates(ada: Caller, deposit: dict[str, Any], bad: str) -> None:
    whole = json.dumps(deposit)[:-1]
    for extra, field in (
        (f'"description": "{bad}"', "description"),
        (f'"description": ["x", {{"y": "{bad}"}}]', "description.1.y"),
        (f'"{bad}": 1', "body"),
        (f'"{bad}": "{bad}"', "body"),
    ):
        answer = send(ada, f"{whole}, {extra}}}")
        problem = refused(answer, 422, "validation_error")
        assert problem["errors"].keys() == {field}
        assert b"\\ud" not in answer.data
    refused(
        ada.post("/auth/login", data=f'{{"email": "a", "password": "{bad}"}}', content_type=JSON),
        422,
        "validation_error",
    )


def test_a_pair_of_surrogates_is_a_character(ada: Caller, deposit: dict[str, Any]) -> None:
    body = json.dumps(deposit | {"description": "🦊"})
    assert "\\ud83e\\udd8a" in body
    assert ok(send(ada, body), 201)["description"] == "🦊"


@pytest.mark.parametrize("size", [65_535, 65_536])
def test_the_largest_body(ada: Caller, deposit: dict[str, Any], size: int) -> None:
    ok(send(ada, json.dumps(deposit).ljust(size)), 201)


@pytest.mark.parametrize("size", [65_537, 200_000])
def test_a_larger_body(ada: Caller, deposit: dict[str, Any], size: int) -> None:
    before = ada.balance({"id": deposit["account_id"]})
    refused(send(ada, json.dumps(deposit).ljust(size)), 413, "payload_too_large")
    assert ada.balance({"id": deposit["account_id"]}) == before


def test_a_body_where_none_is_taken(bank: Bank) -> None:
    ada = bank.customer()
    path = f"/accounts/{ada.account()['id']}/close"
    assert refused(ada.post(path, {"force": True}), 422, "validation_error")["errors"].keys() == {"force"}
    refused(ada.post(path, []), 400, "malformed_request")
    assert ok(ada.post(path, {}))["status"] == "closed"


def test_every_unknown_field_is_named(ada: Caller, deposit: dict[str, Any]) -> None:
    problem = refused(ada.post("/transactions", deposit | {"a": 1, "b": {"c": 2}}), 422, "validation_error")
    assert problem["errors"] == {"a": ["Unknown field."], "b": ["Unknown field."]}


def test_every_missing_field_is_named(ada: Caller) -> None:
    problem = refused(ada.post("/transactions", {}), 422, "validation_error")
    assert problem["errors"].keys() == {"account_id", "type", "amount", "currency"}
