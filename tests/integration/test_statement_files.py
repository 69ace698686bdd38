"""Each file of a statement has a path that answers what ``format`` answers, and that generators of clients can type."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest
from werkzeug.test import TestResponse

from bankapp import clock
from bankapp.statement_formats import FORMATS
from tests.support import clocks, conformance
from tests.support.factories import Bank, Caller, ok, refused
from tests.unit.statement_formats.readers import READERS

PATHS = {name: "/v1/statements/{account_id}/" + name for name in FORMATS}
PERIOD = "from=2026-01-01&to=2026-01-31"


@pytest.fixture(scope="module")
def ada(app: Any) -> Caller:
    return Bank(app).customer()


def download(caller: Caller, account: dict[str, Any], name: str, **kwargs: Any) -> TestResponse:
    """Return the answer with a file of which every byte has been read: the server keeps the file until then."""
    answer = caller.get(f"/statements/{account['id']}/{name}", **kwargs)
    assert answer.status_code == 200
    assert int(answer.headers["Content-Length"]) == len(answer.data)
    return answer


def test_every_format_has_a_path(ada: Caller) -> None:
    prefix = PATHS["csv"].removesuffix("csv")
    assert [path for path in conformance.document()["paths"] if path.startswith(prefix)] == [*PATHS.values()]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("query", ["", PERIOD])
def test_the_path_answers_the_same_bytes_as_the_format(ada: Caller, name: str, query: str) -> None:
    account = ada.account(balance=500)
    with clocks.at(clock.now()):
        by_path = download(ada, account, name, query_string=query)
        by_format = ada.get(f"/statements/{account['id']}?format={name}&{query}")
    # A PDF has an identifier that is new for each file.
    assert name == "pdf" or by_path.data == by_format.data
    assert READERS[name](by_path.data, "EUR") == READERS[name](by_format.data, "EUR")
    for header in ("Content-Type", "Content-Disposition", "Cache-Control"):
        assert by_path.headers[header] == by_format.headers[header]


@pytest.mark.parametrize("name", FORMATS)
def test_the_document_describes_one_file_and_its_name(ada: Caller, name: str) -> None:
    described = conformance.document()["paths"][PATHS[name]]["get"]["responses"]["200"]
    assert described["content"] == {FORMATS[name].media_type: {"schema": {"type": "string", "format": "binary"}}}
    header = described["headers"]["Content-Disposition"]
    assert header["required"]
    answer = download(ada, ada.account(), name)
    for value in (answer.headers["Content-Disposition"], header["example"]):
        jsonschema_rs.Draft202012Validator(header["schema"]).validate(value)


def test_generators_find_json_first_where_the_format_is_chosen(ada: Caller) -> None:
    described = conformance.document()["paths"]["/v1/statements/{account_id}"]["get"]
    json, *files = described["responses"]["200"]["content"]
    assert json == "application/json"
    assert set(files) == {found.media_type for found in FORMATS.values()}
    [chosen] = [found["schema"] for found in described["parameters"] if found["name"] == "format"]
    assert chosen["$ref"] == "#/components/schemas/StatementFormat"
    assert conformance.document()["components"]["schemas"]["StatementFormat"]["enum"] == ["json", *FORMATS]


@pytest.mark.parametrize("name", FORMATS)
def test_the_path_alone_chooses_the_format(ada: Caller, name: str) -> None:
    account = ada.account()
    answer = download(ada, account, name, headers={"Accept": "application/json"})
    assert answer.content_type == FORMATS[name].media_type
    problem = refused(ada.get(f"/statements/{account['id']}/{name}?format={name}"), 422, "validation_error")
    assert problem["errors"].keys() == {"format"}


@pytest.mark.parametrize("name", FORMATS)
def test_days_that_make_no_statement_are_refused(ada: Caller, name: str) -> None:
    path = f"/statements/{ada.account()['id']}/{name}"
    for query, field in (
        ("from=2026-02-01&to=2026-01-31", "from"),
        ("from=2024-01-01&to=2026-01-31", "to"),
        ("from=yesterday", "from"),
    ):
        assert refused(ada.get(f"{path}?{query}"), 422, "validation_error")["errors"].keys() == {field}


def test_staff_who_download_leave_a_trace_that_names_the_customer(bank: Bank, ada: Caller) -> None:
    account, staff = ada.account(), bank.employee()
    for name in FORMATS:
        download(staff, account, name)
        row = ok(staff.get("/audit-logs?limit=1"))["items"][0]
        assert (row["event_type"], row["resource_id"]) == ("staff_access", account["id"])
        assert row["metadata"] == {"customer_id": ada.user_id}


@pytest.mark.parametrize("change", ["freeze", "close"])
def test_files_of_an_account_that_does_not_move(bank: Bank, ada: Caller, change: str) -> None:
    account = ada.account()
    ok(bank.employee().post(f"/accounts/{account['id']}/{change}"))
    for name in FORMATS:
        download(ada, account, name)


def test_what_a_format_cannot_write_is_refused(ada: Caller) -> None:
    account = ada.account()
    for _ in range(100):
        ada.deposit(account, 10**12)
    problem = refused(ada.get(f"/statements/{account['id']}/mt940"), 422, "validation_error")
    assert problem["errors"] == {"format": ["mt940 cannot write balances this large; choose csv."]}
    download(ada, account, "csv")
