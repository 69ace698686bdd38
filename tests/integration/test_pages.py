"""Pages of every list: newest first, stable while rows are added, with cursors that only their list accepts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

import pytest
from flask import Flask

from bankapp import clock, db, ids
from bankapp.services import ledger
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.routes import Operation, operations


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def listed(caller: Caller, path: str, limit: int) -> list[dict[str, Any]]:
    """Return the whole list, read page by page."""
    items: list[dict[str, Any]] = []
    separator, cursor = "&" if "?" in path else "?", ""
    while True:
        page = ok(caller.get(f"{path}{separator}limit={limit}{cursor}"))
        assert len(page["items"]) <= limit
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        assert len(page["items"]) == limit
        cursor = f"&cursor={quote(page['next_cursor'])}"


def accounts(ada: Caller, _bank: Bank) -> tuple[str, Callable[[], Any]]:
    return "/accounts", ada.account


def transactions(ada: Caller, _bank: Bank) -> tuple[str, Callable[[], Any]]:
    first, second = ada.account(), ada.account()
    turns = iter([first, second] * 4)
    return "/transactions", lambda: ada.deposit(next(turns), 5)


def transactions_of_account(ada: Caller, _bank: Bank) -> tuple[str, Callable[[], Any]]:
    account = ada.account()
    return f"/transactions?account_id={account['id']}", lambda: ada.deposit(account, 5)


def transfers(ada: Caller, bank: Bank) -> tuple[str, Callable[[], Any]]:
    bob = bank.customer()
    mine, other, theirs = ada.account(balance=9), ada.account(balance=9), bob.account(balance=9)
    turns = iter([(ada, mine, theirs), (ada, mine, other), (bob, theirs, mine), (ada, other, mine)] * 2)

    def make() -> Any:
        sender, source, target = next(turns)
        return ok(sender.transfer(source, target, 1), 201)

    return "/transfers", make


def transfers_of_account(ada: Caller, bank: Bank) -> tuple[str, Callable[[], Any]]:
    source, target = ada.account(balance=99), bank.customer().account()
    return f"/transfers?account_id={source['id']}", lambda: ok(ada.transfer(source, target, 1), 201)


def cards(ada: Caller, _bank: Bank) -> tuple[str, Callable[[], Any]]:
    account = ada.account()
    return "/cards", lambda: ok(ada.post("/cards", {"account_id": account["id"], "type": "virtual"}), 201)


def sessions(ada: Caller, bank: Bank) -> tuple[str, Callable[[], Any]]:
    def make() -> Any:
        return ok(bank.signed_in(ada.email).get("/auth/sessions?limit=1"))["items"][0]

    return "/auth/sessions", make


def audit_logs(ada: Caller, _bank: Bank) -> tuple[str, Callable[[], Any]]:
    def make() -> Any:
        ada.account()
        return ok(ada.get("/audit-logs?limit=1"))["items"][0]

    return "/audit-logs", make


LISTS: Final = (
    accounts,
    transactions,
    transactions_of_account,
    transfers,
    transfers_of_account,
    cards,
    sessions,
    audit_logs,
)


@pytest.mark.parametrize("a_list", LISTS)
def test_lists_are_newest_first_and_stable_while_rows_are_added(bank: Bank, ada: Caller, a_list: Any) -> None:
    path, make = a_list(ada, bank)
    before = [item["id"] for item in listed(ada, path, 100)]
    made = [make()["id"] for _ in range(5)]
    expected = [*reversed(made), *before]
    assert [item["id"] for item in listed(ada, path, 1)] == expected
    assert [item["id"] for item in listed(ada, path, 3)] == expected
    separator = "&" if "?" in path else "?"
    page = ok(ada.get(f"{path}{separator}limit=2"))
    newer = make()["id"]
    rest = ok(ada.get(f"{path}{separator}limit=100&cursor={page['next_cursor']}"))
    assert [item["id"] for item in page["items"] + rest["items"]] == expected
    assert rest["next_cursor"] is None
    assert ok(ada.get(path))["items"][0]["id"] == newer


def test_staff_page_through_the_rows_of_all_customers(bank: Bank, ada: Caller) -> None:
    staff, bob = bank.employee(), bank.customer()
    ok(ada.transfer(ada.account(balance=5), bob.account(), 5), 201)
    for path in ("/account-holders", "/accounts", "/transactions", "/transfers", "/cards"):
        rows = listed(staff, path, 100)
        assert [row["created_at"] for row in rows] == sorted((row["created_at"] for row in rows), reverse=True)
        assert len({row["id"] for row in rows}) == len(rows)
    assert {row["user_id"] for row in listed(staff, "/account-holders", 100)} >= {ada.user_id, bob.user_id}


def test_rows_with_equal_times_are_listed_exactly_once(bank: Bank, ada: Caller) -> None:
    opened = [ada.account() for _ in range(3)]

    def post() -> None:
        locked = ledger.lock(ledger.names([account["id"] for account in opened]))
        outcomes = ledger.post(
            [ledger.movement("deposit", locked[account["id"]], 5, "EUR", None) for account in opened * 3]
        )
        assert len(outcomes) == 9

    with bank.app.app_context():
        db.run(post)
    rows = listed(ada, "/transactions", 1)
    assert len({row["created_at"] for row in rows}) == 1
    assert len({row["id"] for row in rows}) == 9
    for account in opened:
        assert [row["balance_after"] for row in rows if row["account_id"] == account["id"]] == [15, 10, 5]


def test_filters_combine(ada: Caller) -> None:
    account, other = ada.account(), ada.account(balance=7)
    start = clock.to_text(clock.now())
    for amount in (1, 5, 10):
        ada.deposit(account, amount)
    ok(ada.move(account, 5, "withdrawal"), 201)
    end = clock.to_text(clock.now())
    ada.deposit(account, 5)

    def amounts(query: str) -> list[int]:
        return [row["amount"] for row in listed(ada, f"/transactions?{query}", 2)]

    assert amounts(f"account_id={account['id']}&type=deposit&min_amount=5&to={end}") == [10, 5]
    assert amounts(f"account_id={account['id']}&max_amount=5&from={start}&to={end}") == [5, 5, 1]
    assert amounts(f"type=deposit&from={start}") == [5, 10, 5, 1]
    assert amounts(f"to={start}") == [7]
    assert amounts("min_amount=6&max_amount=5") == []
    assert amounts(f"account_id={other['id']}&to=0999-01-01T00:00:00Z") == []
    assert amounts(f"account_id={other['id']}&from=0999-01-01T00:00:00Z") == [7]
    assert amounts("from=9999-12-31T23:59:59Z") == []


def test_a_time_in_another_zone_is_the_same_time(ada: Caller) -> None:
    ada.account(balance=5)
    later = clock.now() + timedelta(hours=2, seconds=-30)
    local = later.strftime("%Y-%m-%dT%H:%M:%S+02:00")
    assert len(ok(ada.get(f"/transactions?from={quote(local)}"))["items"]) == 1
    assert len(ok(ada.get(f"/transactions?to={local}"))["items"]) == 0


def needed(operation: Operation) -> set[str]:
    return {parameter["name"] for parameter in operation.query_parameters if parameter.get("required")}


@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.0", "ten", "", "1e1", "٣", " 1", "1" * 19])
def test_an_invalid_limit_is_refused(bank: Bank, ada: Caller, limit: str) -> None:
    for operation in operations(bank.app):
        if any(parameter["name"] == "limit" for parameter in operation.query_parameters):
            problem = refused(ada.get(f"{operation.path}?limit={quote(limit)}"), 422, "validation_error")
            assert problem["errors"].keys() == {"limit"} | needed(operation)


@pytest.mark.parametrize("cursor", ["", "x", "a.b", "é", ".", "WzFd.AAAA", "9" * 3000])
def test_an_invalid_cursor_is_refused(bank: Bank, ada: Caller, cursor: str) -> None:
    for operation in operations(bank.app):
        if any(parameter["name"] == "cursor" for parameter in operation.query_parameters):
            problem = refused(ada.get(f"{operation.path}?cursor={quote(cursor)}"), 422, "validation_error")
            assert problem["errors"].keys() == {"cursor"} | needed(operation)


def test_a_cursor_of_another_list_is_refused(bank: Bank, ada: Caller) -> None:
    first, second = ada.account(balance=5), ada.account(balance=5)
    for account in (first, second):
        ada.deposit(account, 5)
    staff = bank.employee()

    def cursor(path: str) -> str:
        return str(ok(ada.get(f"{path}limit=1"))["next_cursor"])

    of_all, of_first = cursor("/transactions?"), cursor(f"/transactions?account_id={first['id']}&")
    ok(ada.get(f"/transactions?limit=50&cursor={of_all}"))
    ok(ada.get(f"/transactions?account_id={first['id']}&limit=50&cursor={of_first}"))
    for caller, path, foreign in (
        (ada, "/transactions?", of_first),
        (ada, f"/transactions?account_id={first['id']}&", of_all),
        (ada, f"/transactions?account_id={second['id']}&", of_first),
        (ada, "/transactions?type=deposit&", of_all),
        (ada, "/accounts?", of_all),
        (ada, "/transactions?", cursor("/accounts?")),
        (ada, "/transactions?", f"X{of_all[1:]}"),
        (staff, "/transactions?", of_all),
    ):
        problem = refused(caller.get(f"{path}cursor={foreign}"), 422, "validation_error")
        assert problem["errors"] == {"cursor": ["Not a cursor of this list."]}


def test_currencies_are_sorted_by_code(ada: Caller) -> None:
    codes = [currency["code"] for currency in listed(ada, "/currencies", 30)]
    assert codes == sorted(codes)
    assert {"EUR", "USD", "JPY", "KWD"} <= set(codes)


def test_a_list_of_an_unknown_account_is_not_found(ada: Caller) -> None:
    for path in ("/transactions", "/transfers", "/cards"):
        refused(ada.get(f"{path}?account_id={ids.new()}"), 404, "not_found")


def test_lists_of_a_new_customer_are_empty(app: Flask) -> None:
    newcomer = Bank(app).customer(holder=False)
    for path in ("/account-holders", "/accounts", "/transactions", "/transfers", "/cards"):
        assert ok(newcomer.get(path)) == {"items": [], "next_cursor": None}
