"""Fields: the accepted and refused values of each kind, in bodies and in queries."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import pytest

from bankapp import clock, ids
from tests.support.factories import Bank, Caller, ok, refused


@pytest.fixture(scope="module")
def ada(app: Any) -> Caller:
    return Bank(app).customer()


@pytest.fixture(scope="module")
def account(ada: Caller) -> dict[str, Any]:
    return ada.account()


@pytest.fixture
def deposit(account: dict[str, Any]) -> dict[str, Any]:
    return {"account_id": account["id"], "type": "deposit", "amount": 5, "currency": "EUR"}


NO_INTEGERS: Final = [True, False, None, 1.0, 1.5, 1e3, "1", "", [], [1], {}, {"amount": 1}]


@pytest.mark.parametrize("amount", [*NO_INTEGERS, 0, -1, 10**12 + 1, 10**30, -(10**30)])
def test_an_invalid_amount_is_refused(
    ada: Caller, account: dict[str, Any], deposit: dict[str, Any], amount: object
) -> None:
    problem = refused(ada.post("/transactions", deposit | {"amount": amount}), 422, "validation_error")
    assert problem["errors"].keys() == {"amount"}
    transfer = {"from_account_id": account["id"], "to_account_id": ids.new(), "amount": amount, "currency": "EUR"}
    assert refused(ada.post("/transfers", transfer), 422, "validation_error")["errors"].keys() == {"amount"}


@pytest.mark.parametrize("text", ["1e0", "1E2", "1.0", "-0", "1e400", "0.1e1"])
def test_a_number_in_another_form_than_an_integer_is_refused(ada: Caller, account: dict[str, Any], text: str) -> None:
    body = f'{{"account_id": "{account["id"]}", "type": "deposit", "currency": "EUR", "amount": {text}}}'
    answer = ada.post("/transactions", data=body, content_type="application/json")
    assert refused(answer, 422, "validation_error")["errors"].keys() == {"amount"}


@pytest.mark.parametrize("amount", [1, 10**12])
def test_the_smallest_and_the_largest_amount_are_accepted(ada: Caller, deposit: dict[str, Any], amount: int) -> None:
    assert ok(ada.post("/transactions", deposit | {"amount": amount}), 201)["amount"] == amount


NO_IDS: Final = [
    "",
    "1",
    None,
    7,
    [],
    {},
    "x" * 36,
    "{id}x",
    "{id}\n",
    " {id}",
    "{ID}",
    "{hex}",
    "urn:uuid:{id}",
    "{{id}}",
]


@pytest.mark.parametrize("shape", NO_IDS)
def test_an_invalid_id_is_refused(ada: Caller, account: dict[str, Any], deposit: dict[str, Any], shape: Any) -> None:
    value, known = shape, account["id"]
    if isinstance(shape, str):
        value = shape.replace("{id}", known).replace("{ID}", known.upper()).replace("{hex}", known.replace("-", ""))
    problem = refused(ada.post("/transactions", deposit | {"account_id": value}), 422, "validation_error")
    assert problem["errors"].keys() == {"account_id"}
    if isinstance(value, str):
        for path in ("/transactions", "/transfers", "/cards"):
            answer = ada.get(path, query_string={"account_id": value})
            assert refused(answer, 422, "validation_error")["errors"].keys() == {"account_id"}


def test_an_unknown_id_of_any_uuid_version_is_not_found(ada: Caller, deposit: dict[str, Any]) -> None:
    for unknown in ("0" * 8 + "-0000-0000-0000-" + "0" * 12, "f" * 8 + "-ffff-ffff-ffff-" + "f" * 12, ids.new()):
        refused(ada.post("/transactions", deposit | {"account_id": unknown}), 404, "not_found")


@pytest.mark.parametrize(
    "currency", ["eur", "EU", "EURO", "XXX", "XAU", "978", "", " EUR", "\u0415UR", None, 978, ["EUR"]]
)
def test_an_invalid_currency_is_refused(ada: Caller, deposit: dict[str, Any], currency: object) -> None:
    problem = refused(ada.post("/transactions", deposit | {"currency": currency}), 422, "validation_error")
    assert problem["errors"].keys() == {"currency"}
    problem = refused(ada.post("/accounts", {"type": "checking", "currency": currency}), 422, "validation_error")
    assert problem["errors"].keys() == {"currency"}


@pytest.mark.parametrize("type", ["Deposit", "transfer_in", "cash_received", "", None, 1, ["deposit"], {"a": 1}])
def test_an_invalid_type_is_refused(ada: Caller, deposit: dict[str, Any], type: object) -> None:
    assert refused(ada.post("/transactions", deposit | {"type": type}), 422, "validation_error")["errors"].keys() == {
        "type"
    }
    body = {"type": type, "currency": "EUR"}
    assert refused(ada.post("/accounts", body), 422, "validation_error")["errors"].keys() == {"type"}
    body = {"account_id": deposit["account_id"], "type": type}
    assert refused(ada.post("/cards", body), 422, "validation_error")["errors"].keys() == {"type"}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("x" * 140, "x" * 140),
        ("🦊" * 140, "🦊" * 140),
        (f"  {'x' * 140}  ", "x" * 140),
        ("e\u0301" * 140, "é" * 140),
        ("Miete März, 家賃 – إيجار", "Miete März, 家賃 – إيجار"),
        ("<script>'; DROP TABLE users; --", "<script>'; DROP TABLE users; --"),
        (None, None),
    ],
)
def test_a_description_is_trimmed_and_stored(
    ada: Caller, deposit: dict[str, Any], given: str | None, kept: str | None
) -> None:
    made = ok(ada.post("/transactions", deposit | {"description": given}), 201)
    assert made["description"] == kept
    assert ok(ada.get(f"/transactions/{made['id']}")) == made


@pytest.mark.parametrize("description", ["x" * 141, "🦊" * 141, "", "  ", "a\nb", "\x1b[31m", "a\x7f", 5, [], {}])
def test_an_invalid_description_is_refused(ada: Caller, deposit: dict[str, Any], description: object) -> None:
    problem = refused(ada.post("/transactions", deposit | {"description": description}), 422, "validation_error")
    assert problem["errors"].keys() == {"description"}


TIMES: Final = [
    "2026-01-01T00:00:00Z",
    "2026-01-01T00:00:00.1Z",
    "2026-01-01T00:00:00.123456Z",
    "2026-01-01T00:00:00+14:00",
    "2026-01-01T00:00:00-12:00",
    "2024-02-29T23:59:59-00:00",
    "0001-01-01T00:00:00Z",
    "0001-01-01T01:00:00+01:00",
    "9999-12-31T23:59:59.999999Z",
]
NO_TIMES: Final = [
    "",
    "now",
    "1767225600",
    "2026-01-01",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00Z",
    "2026-01-01 00:00:00Z",
    "2026-1-1T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T23:59:60Z",
    "2016-12-31T23:59:60Z",
    "2026-01-01T00:00:00.1234567Z",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00+0100",
    "2026-W01-1T00:00:00Z",
    "0000-01-01T00:00:00Z",
    "0001-01-01T00:00:00+00:01",
    "9999-12-31T23:59:59-01:00",
    "10000-01-01T00:00:00Z",
    "\u0662\u0660\u0662\u0666-01-01T00:00:00Z",
]


@pytest.mark.parametrize("moment", TIMES)
def test_a_time_in_rfc_3339_is_accepted(ada: Caller, account: dict[str, Any], moment: str) -> None:
    for path in ("/transactions", "/audit-logs"):
        ok(ada.get(f"{path}?from={quote(moment)}"))
        ok(ada.get(f"{path}?to={quote(moment)}"))
    answer = ada.get(f"/accounts/{account['id']}/balance?at={quote(moment)}")
    if moment.startswith("9"):
        assert refused(answer, 422, "validation_error")["errors"] == {"at": ["Must not lie in the future."]}
    else:
        assert ok(answer)["at"] == clock.to_text(clock.from_text(moment))


@pytest.mark.parametrize("moment", NO_TIMES)
def test_an_invalid_time_is_refused(ada: Caller, account: dict[str, Any], moment: str) -> None:
    for path, name in (
        ("/transactions", "from"),
        ("/transactions", "to"),
        ("/audit-logs", "from"),
        (f"/accounts/{account['id']}/balance", "at"),
    ):
        problem = refused(ada.get(f"{path}?{name}={quote(moment)}"), 422, "validation_error")
        assert problem["errors"].keys() == {name}


@pytest.mark.parametrize(
    "query", ["min_amount=-1", "max_amount=1000000000001", "min_amount=1.0", "type=cash_paid", "type="]
)
def test_an_invalid_filter_is_refused(ada: Caller, query: str) -> None:
    problem = refused(ada.get(f"/transactions?{query}"), 422, "validation_error")
    assert problem["errors"].keys() == {query.partition("=")[0]}


@pytest.mark.parametrize("query", ["event_type=%00", "event_type=%ff", "event_type=%ED%A0%80"])
def test_a_query_that_is_not_text_is_refused(ada: Caller, query: str) -> None:
    problem = refused(ada.get(f"/audit-logs?{query}"), 422, "validation_error")
    assert problem["errors"] == {"event_type": ["Must be UTF-8 without NUL."]}
    named = ada.get("/audit-logs?" + query.replace("event_type=", "event_type=x&"))
    assert refused(named, 422, "validation_error")["errors"].keys() == {"query"}


@pytest.mark.parametrize(
    "number", ["", "DE", "XX00", "é", "🦊" * 30, "DE00500105175415330117", "D" * 51, "DE\u0000", None, 7, [], {}]
)
def test_an_invalid_iban_is_refused(ada: Caller, account: dict[str, Any], number: object) -> None:
    body = {"from_account_id": account["id"], "to_account_number": number, "amount": 1, "currency": "EUR"}
    assert refused(ada.post("/transfers", body), 422, "validation_error")["errors"].keys() == {"to_account_number"}


def test_an_unknown_iban_is_not_found_and_a_transfer_has_one_target(ada: Caller, account: dict[str, Any]) -> None:
    body = {"from_account_id": account["id"], "amount": 1, "currency": "EUR"}
    refused(ada.post("/transfers", body | {"to_account_number": "DE78 5001 0517 5415 3301 17"}), 404, "not_found")
    both = {"to_account_id": ids.new(), "to_account_number": account["number"]}
    for target in ({}, both):
        problem = refused(ada.post("/transfers", body | target), 422, "validation_error")
        assert problem["errors"].keys() == {"to_account_id"}
