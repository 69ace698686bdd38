"""Request bodies: JSON by a strict reading of RFC 8259, the same for every endpoint."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from tests.support.factories import Bank, Caller, ok, refused

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
def test_json_media_types_are_accepted(ada: Caller, deposit: dict[str, Any], content_type: str) -> None:
    ok(send(ada, json.dumps(deposit), content_type), 201)


@pytest.mark.parametrize(
    "content_type", [None, "", "text/plain", "text/json", "application/jsonx", "application/xml", "*/*", "json"]
)
def test_other_media_types_are_refused(ada: Caller, deposit: dict[str, Any], content_type: str | None) -> None:
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
def test_malformed_json_is_refused(ada: Caller, body: str) -> None:
    problem = refused(send(ada, body), 400, "malformed_request")
    assert problem["detail"] != "Malformed request."


@pytest.mark.parametrize("body", [b"\xff\xfe{\x00}\x00", b"\xc3\x28", '{"description": "é"}'.encode("latin-1")])
def test_a_body_that_is_not_utf8_is_refused(ada: Caller, body: bytes) -> None:
    assert "UTF-8" in refused(send(ada, body), 400, "malformed_request")["detail"]


def test_nesting_up_to_16_levels_is_read(ada: Caller) -> None:
    for body in ('{"a":' * 16 + "1" + "}" * 16, '{"a":' + "[" * 15 + "]" * 15 + "}"):
        assert refused(send(ada, body), 422, "validation_error")["errors"]["a"] == ["Unknown field."]


def test_an_amount_of_4300_digits_is_a_validation_error(ada: Caller, deposit: dict[str, Any]) -> None:
    body = json.dumps(deposit).replace('"amount": 5', f'"amount": {"9" * 4300}')
    assert refused(send(ada, body), 422, "validation_error")["errors"].keys() == {"amount"}


@pytest.mark.parametrize("bad", ["\\u0000", "a\\u0000b", "\\ud800", "\\udc00\\ud800", "a\\udfff"])
def test_nul_and_lone_surrogates_are_refused(ada: Caller, deposit: dict[str, Any], bad: str) -> None:
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
def test_a_body_up_to_the_limit_is_read(ada: Caller, deposit: dict[str, Any], size: int) -> None:
    ok(send(ada, json.dumps(deposit).ljust(size)), 201)


@pytest.mark.parametrize("size", [65_537, 200_000])
def test_a_body_over_the_limit_is_refused(ada: Caller, deposit: dict[str, Any], size: int) -> None:
    before = ada.balance({"id": deposit["account_id"]})
    refused(send(ada, json.dumps(deposit).ljust(size)), 413, "payload_too_large")
    assert ada.balance({"id": deposit["account_id"]}) == before


def test_an_operation_without_fields_takes_only_an_empty_object(bank: Bank) -> None:
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


def test_of_many_wrong_fields_the_first_are_named_and_the_others_counted(ada: Caller, deposit: dict[str, Any]) -> None:
    for count, more in ((100, ""), (101, " 1 more are not listed."), (5_000, " 4900 more are not listed.")):
        body = {f"f{number}": 1 for number in range(count)}
        problem = refused(ada.post("/transactions", deposit | body), 422, "validation_error")
        assert len(problem["errors"]) == 100
        assert problem["detail"] == f"The request has fields that are missing or wrong.{more}"
    path = f"/accounts/{deposit['account_id']}/close"
    assert len(refused(ada.post(path, body), 422, "validation_error")["errors"]) == 100
    query = "&".join(f"{name}=1" for name in body)
    assert len(refused(ada.get(f"/transactions?{query}"), 422, "validation_error")["errors"]) == 100
    assert len(refused(ada.get(f"/auth/me?{query}"), 422, "validation_error")["errors"]) == 100


def test_the_answer_to_a_large_batch_of_unknown_fields_is_small(ada: Caller) -> None:
    count = 1024 * 1024 // len('"99999":1,')
    transfers = [{str(number): 1 for number in range(count // 100)}] * 99
    answer = ada.post("/transfers/batch", {"transfers": transfers})
    assert refused(answer, 422, "validation_error")["detail"].endswith(" more are not listed.")
    assert len(answer.data) < 10_000


@pytest.mark.parametrize("character", ["a", "é", "🦊", "\\u0000"])
def test_a_name_that_the_client_chose_comes_back_shortened(ada: Caller, character: str) -> None:
    name = character * 5_000
    for body in (f'{{"{name}": 1}}', f'{{"a": {{"{name}": "\\u0000"}}}}', f'{{"{name}": 1, "{name}": 1}}'):
        answer = send(ada, body.encode())
        assert answer.status_code in (400, 422)
        assert len(answer.data) < 4_000


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "deflate, gzip", "zstd", "x" * 5_000])
def test_an_encoded_body_is_refused_by_the_name_of_its_encoding(
    ada: Caller, deposit: dict[str, Any], encoding: str
) -> None:
    body = gzip.compress(json.dumps(deposit).encode())
    answer = ada.post("/transactions", data=body, content_type=JSON, headers={"Content-Encoding": encoding})
    problem = refused(answer, 415, "unsupported_media_type")
    assert encoding.lower()[:100] in problem["detail"]
    assert len(problem["detail"]) < 300
    assert answer.headers["Accept-Encoding"] == "identity"


def test_an_encoding_that_changes_nothing_is_accepted(ada: Caller, deposit: dict[str, Any], bank: Bank) -> None:
    for encoding in ("identity", "Identity", ""):
        ok(send(ada, json.dumps(deposit), **{"Content-Encoding": encoding}), 201)
    path = f"/accounts/{ada.account()['id']}/close"
    ok(ada.post(path, headers={"Content-Encoding": "gzip"}))
    assert "Accept-Encoding" not in send(ada, "{}", "text/plain").headers


def test_every_wrong_field_is_told_in_the_same_words(ada: Caller, deposit: dict[str, Any]) -> None:
    account = deposit["account_id"]
    answers = [
        ada.post("/transactions", {}),
        ada.post("/transfers", {"from_account_id": account, "amount": 1, "currency": "EUR"}),
        ada.post(f"/accounts/{account}/close", {"a": 1}),
        ada.get("/transactions?limit=0"),
        ada.get("/transactions?limit=1&limit=2"),
        ada.get("/auth/me?a=1"),
        ada.get(f"/accounts/{account}/balance?at=9999-01-01T00:00:00Z"),
        ada.get(f"/statements/{account}?from=2026-02-01&to=2026-01-01"),
        ada.get(f"/statements/{account}?from=2020-02-01&to=2026-01-01"),
        send(ada, '{"description": "\\u0000"}'),
    ]
    details = {refused(answer, 422, "validation_error")["detail"] for answer in answers}
    assert details == {"The request has fields that are missing or wrong."}
