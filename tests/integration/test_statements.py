"""Statements over HTTP, read back by independent software."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pytest

from bankapp import clock
from tests.support import clocks, older
from tests.support.factories import Bank, Caller, ok, refused
from tests.unit.statement_formats.readers import READERS, csv_rows
from tests.unit.statement_formats.samples import Figures

MEDIA_TYPES = {
    "csv": "text/csv",
    "pdf": "application/pdf",
    "ofx": "application/x-ofx",
    "camt053": "application/xml",
    "mt940": "application/x-mt940",
}
EXTENSIONS = {"csv": "csv", "pdf": "pdf", "ofx": "ofx", "camt053": "xml", "mt940": "sta"}

# What the API accepts, or once accepted, and a file format, a spreadsheet or a reader may stumble over.
DESCRIPTIONS = (
    "=1+1",
    "@SUM(A1:A9)",
    ":61:2603010301C1,NMSC",
    "-",
    "]]><Ntry/> & <!--",
    'say "hello", twice; Ελλάδα, Москва, 日本',
    "\u200b\u202e",
    None,
)


@dataclass
class Books:
    """An account with entries before, within and after the period of a statement."""

    ada: Caller
    account: dict[str, Any]
    first: date
    last: date

    def read(self, **query: str) -> Any:
        days = {"from": self.first.isoformat(), "to": self.last.isoformat()}
        return self.ada.get(f"/statements/{self.account['id']}", query_string=days | query)

    def figures(self) -> Figures:
        statement = ok(self.read())
        net = statement["total_credits"] - statement["total_debits"]
        count = len(statement["entries"])
        return Figures(statement["opening_balance"], statement["closing_balance"], count, net)


def books(bank: Bank, currency: str = "EUR", descriptions: tuple[str | None, ...] = DESCRIPTIONS) -> Books:
    ada = bank.customer()
    account, other = ada.account(currency), ada.account(currency)
    card = ada.card(account)
    noon = clock.now().replace(hour=12, minute=0)
    with clocks.at(noon - timedelta(days=40)):
        ok(ada.move(account, 1_234_567, "deposit"), 201)
    for days, description in enumerate(descriptions):
        more = {} if description is None else {"description": description}
        with clocks.at(noon - timedelta(days=30 - days)), older.any_text():
            ok(ada.transfer(account, other, 1_001 + days, **more), 201)
            ok(ada.transfer(other, account, 7, **more), 201)
    with clocks.at(noon - timedelta(days=20)):
        hold = ok(ada.authorize(card, 500, currency, "Grocery & Sons"), 201)
        ok(ada.post(f"/authorizations/{hold['id']}/capture", {"amount": 499}))
    ok(ada.move(account, 1, "deposit"), 201)
    return Books(ada, account, (noon - timedelta(days=30)).date(), (noon - timedelta(days=10)).date())


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
def test_six_formats_have_the_same_figures(bank: Bank, currency: str) -> None:
    kept = books(bank, currency)
    figures = kept.figures()
    credits, debits = 7 * len(DESCRIPTIONS), sum(1_001 + n for n in range(len(DESCRIPTIONS))) + 499
    assert figures == (1_234_567, 1_234_567 + credits - debits, 2 * len(DESCRIPTIONS) + 1, credits - debits)
    for name, reader in READERS.items():
        response = kept.read(format=name)
        assert response.status_code == 200, response.data
        assert reader(response.data, currency) == figures, name


def test_json_entries_are_the_transactions(bank: Bank) -> None:
    kept = books(bank)
    statement = ok(kept.read(format="json"))
    history = ok(kept.ada.get(f"/transactions?account_id={kept.account['id']}&limit=100"))["items"]
    entries = [entry | {"annotation": None} for entry in statement["entries"]]
    assert entries == history[1:-1][::-1]
    assert statement["account"] == {
        "id": kept.account["id"],
        "number": kept.account["number"],
        "type": "checking",
        "currency": "EUR",
        "holder_name": "Ada Lovelace",
    }
    assert (statement["from"], statement["to"]) == (kept.first.isoformat(), kept.last.isoformat())
    balance = statement["opening_balance"]
    for entry in statement["entries"]:
        balance += entry["amount"] if entry["type"].endswith("_in") else -entry["amount"]
        assert entry["balance_after"] == balance
    assert balance == statement["closing_balance"]


@pytest.mark.parametrize("name", MEDIA_TYPES)
def test_a_file_is_named_and_typed(bank: Bank, name: str) -> None:
    ada = bank.customer()
    account = ada.account(balance=5)
    by_format = ada.get(f"/statements/{account['id']}?format={name}")
    by_accept = ada.get(f"/statements/{account['id']}", headers={"Accept": MEDIA_TYPES[name]})
    today = clock.now().date()
    wanted = f"statement_{account['number']}_{today.replace(day=1)}_{today}.{EXTENSIONS[name]}"
    for response in (by_format, by_accept):
        assert response.status_code == 200
        assert response.content_type == MEDIA_TYPES[name]
        assert response.headers["Content-Disposition"] == f'attachment; filename="{wanted}"'
        assert int(response.headers["Content-Length"]) == len(response.data)


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("text/html", "application/json"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.5, application/pdf", "application/pdf"),
        ("application/json, text/csv;q=0.9", "application/json"),
        ("text/csv;q=0", "application/json"),
    ],
)
def test_the_accept_header_is_weighed(bank: Bank, accept: str, content_type: str) -> None:
    ada = bank.customer()
    response = ada.get(f"/statements/{ada.account()['id']}", headers={"Accept": accept})
    assert (response.status_code, response.content_type) == (200, content_type)


def test_both_days_are_included_and_end_at_midnight_utc(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account()
    midnight = clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=10)
    instant = timedelta(microseconds=1)
    for moment, amount in (
        (midnight - instant, 1),
        (midnight, 10),
        (midnight + timedelta(days=1) - instant, 100),
        (midnight + timedelta(days=1), 1_000),
    ):
        with clocks.at(moment):
            ada.deposit(account, amount)
    day = midnight.date().isoformat()
    statement = ok(ada.get(f"/statements/{account['id']}?from={day}&to={day}"))
    assert (statement["opening_balance"], statement["closing_balance"]) == (1, 111)
    assert [entry["amount"] for entry in statement["entries"]] == [10, 100]


def test_a_foreign_statement_is_not_found_and_staff_leave_an_audit_row(bank: Bank) -> None:
    ada, staff = bank.customer(), bank.employee()
    account = ada.account(balance=5)
    refused(bank.customer().get(f"/statements/{account['id']}"), 404, "not_found")
    assert staff.get(f"/statements/{account['id']}?format=csv").status_code == 200
    traces = ok(staff.get("/audit-logs?event_type=staff_access"))["items"]
    assert [row["resource_id"] for row in traces] == [account["id"]]


def test_a_balance_too_large_for_mt940_is_refused(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account()
    for _ in range(100):
        ada.deposit(account, 10**12)
    problem = refused(ada.get(f"/statements/{account['id']}?format=mt940"), 422, "validation_error")
    assert problem["errors"]["format"] == ["mt940 cannot write balances this large; choose csv."]
    rows = csv_rows(ada.get(f"/statements/{account['id']}?format=csv").data)
    assert rows[-1]["balance"] == "1000000000000.00"
