"""Monthly statements: made once, numbered without a gap, never changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import literal_column

from bankapp import clock, context
from bankapp.repositories import statements as statement_rows
from bankapp.services import statement_closings, statement_records
from bankapp.statement_formats import FORMATS, StatementMismatchError
from tests.support import clocks, histories
from tests.support.books import faults
from tests.support.databases import application, settings
from tests.support.factories import Bank, Caller, ok, refused
from tests.support.raw_sql import RawSql
from tests.support.servers import at_once
from tests.support.statements import statements
from tests.unit.statement_formats.readers import NS, READERS, camt_root, mt940_statement, pdf_pages

ALL_FORMATS = ("json", "csv", "pdf", "ofx", "camt053", "mt940")


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def records(caller: Caller, account: dict[str, Any], **query: Any) -> dict[str, Any]:
    return ok(caller.get(f"/accounts/{account['id']}/statements", query_string=query))


def read(caller: Caller, account: dict[str, Any], number: int, form: str = "json") -> bytes:
    answer = caller.get(f"/accounts/{account['id']}/statements/{number}?format={form}")
    assert answer.status_code == 200, answer.data
    return bytes(answer.data)


@pytest.fixture(scope="module")
def app_of_these_tests(new_database: Callable[[], str]) -> Iterator[Flask]:
    """An application on a database of its own: here accounts are opened in the past, which others do not expect."""
    with application(settings(new_database())) as made:
        yield made


@pytest.fixture
def bank(app_of_these_tests: Flask) -> Bank:
    return Bank(app_of_these_tests)


def opened_in_january(bank: Bank) -> tuple[Caller, dict[str, Any]]:
    """An account of January 2026: entries in January, not in February, at the very edges of March, none later."""
    ada = bank.customer()
    with clocks.at(moment("2026-01-20T08:00")):
        account = ada.account()
    march = moment("2026-03-01")
    for at, amount in (
        (moment("2026-01-20T09:00"), 10),
        (moment("2026-01-31T23:59:59.999999"), 20),
        (march, 100),
        (march + timedelta(days=31, microseconds=-1), 200),
    ):
        with clocks.at(at):
            ada.deposit(account, amount)
    return ada, account


@pytest.fixture
def kept(bank: Bank) -> tuple[Caller, dict[str, Any]]:
    ada, account = opened_in_january(bank)
    with clocks.at(moment("2026-05-15")):
        assert len(records(ada, account)["items"]) == 4
    return ada, account


def test_each_month_that_is_over_has_a_number(bank: Bank) -> None:
    ada, account = opened_in_january(bank)
    with clocks.at(moment("2026-05-15")):
        found = records(ada, account)
    assert found["next_cursor"] is None
    assert [
        (
            item["number"],
            item["from"],
            item["to"],
            item["opening_balance"],
            item["closing_balance"],
            item["entry_count"],
        )
        for item in found["items"]
    ] == [
        (4, "2026-04-01", "2026-04-30", 330, 330, 0),
        (3, "2026-03-01", "2026-03-31", 30, 330, 2),
        (2, "2026-02-01", "2026-02-28", 30, 30, 0),
        (1, "2026-01-01", "2026-01-31", 0, 30, 2),
    ]
    assert all(item["account_id"] == account["id"] for item in found["items"])


def test_a_later_month_continues_and_leaves_the_earlier_as_they_are(kept: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = kept
    with clocks.at(moment("2026-05-15")):
        before = records(ada, account)["items"]
    with clocks.at(moment("2026-07-02")):
        later = records(ada, account)["items"]
    assert [item["number"] for item in later[:2]] == [6, 5]
    assert later[2:] == before


def test_records_come_in_pages(kept: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = kept
    with clocks.at(moment("2026-05-15")):
        everything = records(ada, account)["items"]
        page = records(ada, account, limit=3)
        rest = records(ada, account, limit=3, cursor=page["next_cursor"])
        assert page["items"] + rest["items"] == everything
        assert rest["next_cursor"] is None
        refused(ada.get(f"/accounts/{account['id']}/statements?limit=0"), 422, "validation_error")
        refused(ada.get(f"/accounts/{account['id']}/statements?cursor=x"), 422, "validation_error")


def test_a_month_is_closed_an_hour_after_its_end(bank: Bank) -> None:
    ada = bank.customer()
    with clocks.at(moment("2026-01-31T23:59:59")):
        account = ada.account(balance=5)
    for at, numbers in (
        ("2026-01-31T23:59:59", []),
        ("2026-02-01T00:59:59", []),
        ("2026-02-01T01:00", [1]),
        ("2026-03-01T00:59", [1]),
        ("2026-03-01T01:00", [2, 1]),
    ):
        with clocks.at(moment(at)):
            assert [item["number"] for item in records(ada, account)["items"]] == numbers, at
            asked = ada.get(f"/accounts/{account['id']}/statements/1")
            assert asked.status_code == (200 if numbers else 404)


def test_an_entry_dated_before_its_account_is_on_the_first_statement(bank: Bank) -> None:
    """The clocks of two machines may differ."""
    ada = bank.customer()
    with clocks.at(moment("2026-02-01T00:00:00.1")):
        account = ada.account()
    with clocks.at(moment("2026-01-31T23:59:59.9")):
        ada.deposit(account, 7)
    with clocks.at(moment("2026-03-02")):
        found = records(ada, account)["items"]
    assert [(item["number"], item["from"], item["closing_balance"]) for item in found] == [
        (2, "2026-02-01", 7),
        (1, "2026-01-01", 7),
    ]


def test_a_closed_account_has_statements_until_all_its_entries_are_on_one(bank: Bank) -> None:
    ada = bank.customer()
    with clocks.at(moment("2026-01-05")):
        used, unused = ada.account(balance=5), ada.account()
    with clocks.at(moment("2026-02-05")):
        ok(ada.move(used, 5, "withdrawal"), 201)
        for account in (used, unused):
            ok(ada.post(f"/accounts/{account['id']}/close"))
    with clocks.at(moment("2026-08-01T12:00")):
        assert [item["number"] for item in records(ada, used)["items"]] == [2, 1]
        assert [item["number"] for item in records(ada, unused)["items"]] == [1]
        refused(ada.get(f"/accounts/{used['id']}/statements/3"), 404, "not_found")


@pytest.mark.parametrize("form", ALL_FORMATS)
def test_a_record_is_the_same_byte_for_byte(kept: tuple[Caller, dict[str, Any]], form: str) -> None:
    ada, account = kept
    before = [read(ada, account, number, form) for number in (1, 2, 3)]
    holder = ok(ada.get("/account-holders/me"))
    change = {"first_name": "Augusta", "last_name": "King"}
    ok(ada.patch(f"/account-holders/{holder['id']}", change, headers={"If-Match": "*"}))
    ada.deposit(account, 1_000)
    with clocks.at(clock.now() + timedelta(days=400)):
        # Ten minutes are all that a token lasts.
        ada.tokens = ok(ada.post("/auth/login", {"email": ada.email, "password": "violet-otter-sings-17"}))
        assert [read(ada, account, number, form) for number in (1, 2, 3)] == before
    assert len(set(before)) == 3


@pytest.mark.parametrize("form", READERS)
def test_every_format_has_the_entries_of_its_month(kept: tuple[Caller, dict[str, Any]], form: str) -> None:
    ada, account = kept
    assert READERS[form](read(ada, account, 3, form), "EUR") == (30, 330, 2, 300)
    assert READERS[form](read(ada, account, 2, form), "EUR") == (30, 30, 0, 0)


def test_every_format_bears_the_number(kept: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = kept
    for number in (1, 3):
        document = json.loads(read(ada, account, number))
        listed = next(item for item in records(ada, account, limit=100)["items"] if item["number"] == number)
        assert (document["number"], document["created_at"]) == (number, listed["created_at"])
        root = camt_root(read(ada, account, number, "camt053"))
        assert root.findtext(".//c:ElctrncSeqNb", None, NS) == str(number)
        assert root.findtext(".//c:LglSeqNb", None, NS) == str(number)
        assert root.findtext(".//c:Stmt/c:Id", None, NS) == f"{account['number'][-18:]}-{number}"
        assert f":28C:{number}\r\n".encode() in read(ada, account, number, "mt940")
        assert mt940_statement(read(ada, account, number, "mt940")).data["statement_number"] == str(number)
        assert f"Account statement no. {number}" in pdf_pages(read(ada, account, number, "pdf"))[0]
        for form in ("csv", "ofx"):  # neither has a place for a number but the file's name
            answer = ada.get(f"/accounts/{account['id']}/statements/{number}?format={form}")
            assert f'filename="statement_{account["number"]}_{number}_2026-0' in answer.headers["Content-Disposition"]


def test_message_ids_of_an_accounts_statements_differ(kept: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = kept
    ids = {camt_root(read(ada, account, n, "camt053")).findtext(".//c:GrpHdr/c:MsgId", None, NS) for n in range(1, 5)}
    assert len(ids) == 4


def test_a_span_that_was_asked_for_bears_no_number(kept: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = kept
    span = f"/statements/{account['id']}?from=2026-03-01&to=2026-03-31&format="
    assert b":28C:0\r\n" in ada.get(f"{span}mt940").data
    root = camt_root(ada.get(f"{span}camt053").data)
    assert root.find(".//c:ElctrncSeqNb", NS) is root.find(".//c:LglSeqNb", NS) is None
    assert root.findtext(".//c:Stmt/c:Id", None, NS) == f"{account['number'][-18:]}-2026030120260331"
    assert "no." not in pdf_pages(ada.get(f"{span}pdf").data)[0]
    assert "number" not in ok(ada.get(f"{span}json"))


def test_accept_chooses_the_format(kept: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = kept
    answer = ada.get(f"/accounts/{account['id']}/statements/1", headers={"Accept": "text/csv"})
    assert (answer.content_type, answer.data) == ("text/csv", read(ada, account, 1, "csv"))


def test_the_hash_is_that_of_the_documented_form(kept: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = kept
    [listed] = [item for item in records(ada, account, limit=100)["items"] if item["number"] == 3]
    document = json.loads(read(ada, account, 3))
    head = ["bankapp-statement-2", account["id"], 3, "2026-03-01", "2026-03-31", 30, "Ada Lovelace"]
    lines = [[*head, listed["created_at"]]]
    for sequence, entry in enumerate(document["entries"], start=3):
        told = [entry[name] for name in ("amount", "balance_after", "description", "transfer_id", "created_at")]
        other_side = [*entry["counterparty"].values(), entry["reference"], entry["end_to_end_id"]]
        lines.append([sequence, entry["id"], entry["type"], 1, *told, *other_side])
    assert hash_of(lines) == listed["content_hash"]


def hash_of(lines: list[list[Any]]) -> str:
    form = "".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines)
    return hashlib.sha256(form.encode()).hexdigest()


def test_a_record_of_the_first_form_stays_valid(fresh_bank: Bank, raw_sql: Callable[..., RawSql], dialect: str) -> None:
    ada, account = opened_in_january(fresh_bank)
    [_, listed, _] = records(ada, account)["items"][-3:]
    # February has no entries, so the first line is the whole form.
    head = ["bankapp-statement-1", account["id"], 2, "2026-02-01", "2026-02-28", 30, "Ada Lovelace"]
    first = hash_of([[*head, listed["created_at"]]])
    assert first != listed["content_hash"]
    change = f"UPDATE statements SET content_hash = '{first}' WHERE id = '{listed['id']}'"
    with raw_sql(fresh_bank.app) as raw:
        off = "SET LOCAL session_replication_role = replica"
        raw.run(off if dialect == "postgresql" else "DROP TRIGGER statements_no_update", change)
    assert json.loads(read(ada, account, 2))["number"] == 2
    assert faults(fresh_bank.app) == []


@pytest.mark.parametrize("number", ["0", "01", "-1", "1.0", "x", "1000000000", "99999"])
def test_another_number_does_not_exist(kept: tuple[Caller, dict[str, Any]], number: str) -> None:
    ada, account = kept
    refused(ada.get(f"/accounts/{account['id']}/statements/{number}"), 404, "not_found")


def test_only_ones_own_and_staff_leave_a_trace(bank: Bank, kept: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = kept
    eve, staff = bank.customer(), bank.employee()
    for path in (f"/accounts/{account['id']}/statements", f"/accounts/{account['id']}/statements/1"):
        refused(eve.get(path), 404, "not_found")
        refused(bank.anonymous().get(path), 401, "token_missing")
        assert ok(staff.get(path)) == ok(ada.get(path))
    traces = ok(staff.get("/audit-logs?event_type=staff_access"))["items"]
    assert [(row["resource_type"], row["resource_id"]) for row in traces] == [("account", account["id"])] * 2


def test_eight_at_once_make_each_record_once(bank: Bank) -> None:
    ada, account = opened_in_january(bank)
    path = f"/accounts/{account['id']}/statements"

    def ask(end: str) -> Any:
        caller = Caller(bank.app.test_client(), tokens=ada.tokens)
        return caller.get(path + end)

    answers = at_once([lambda end=end: ask(end) for end in ("", "/1", "/3", "?limit=100") * 2])
    assert [answer.status_code for answer in answers] == [200] * 8
    found = records(ada, account, limit=100)["items"]
    numbers = [item["number"] for item in found]
    assert numbers == list(range(len(numbers), 0, -1))
    assert len(numbers) >= 10
    for newer, older in pairwise(found):
        assert newer["opening_balance"] == older["closing_balance"]
        assert date.fromisoformat(newer["from"]) == date.fromisoformat(older["to"]) + timedelta(days=1)
        assert newer["created_at"] > older["created_at"]


def test_a_run_that_is_late_stores_nothing(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another run makes the same records between the two locks."""
    ada, account = opened_in_january(bank)
    store, made = statement_closings._store, []

    def late(drafts: Any) -> int:
        monkeypatch.setattr(statement_closings, "_store", store)
        made.extend(records(Caller(bank.app.test_client(), tokens=ada.tokens), account, limit=100)["items"])
        return store(drafts)

    monkeypatch.setattr(statement_closings, "_store", late)
    with bank.app.app_context():
        statement_closings.complete(account["id"])
    assert made
    assert records(ada, account, limit=100)["items"] == made


def test_a_list_that_lacks_nothing_writes_and_locks_nothing(bank: Bank, kept: tuple[Caller, dict[str, Any]]) -> None:
    ada, account = kept
    records(ada, account)
    with statements(bank.app) as seen:
        records(ada, account)
        read(ada, account, 1, "csv")
    assert not [sql for sql in seen if "FOR " in sql or sql.startswith(("INSERT", "UPDATE"))]


def test_payments_do_not_wait_while_entries_are_hashed(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    ada, account = opened_in_january(bank)
    drafted = statement_closings._record
    paid: list[int] = []

    def slow(state: Any) -> Any:
        if not paid:
            caller = Caller(bank.app.test_client(), tokens=ada.tokens)
            paid.extend(reply.status_code for reply in at_once([lambda: caller.move(account, 1, "deposit")]))
        return drafted(state)

    monkeypatch.setattr(statement_closings, "_record", slow)
    assert records(ada, account)["items"]
    assert paid == [201]


def test_statements_close_makes_what_all_accounts_lack(fresh_bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_closings, "BATCH_SIZE", 2)
    monkeypatch.setattr(statement_rows, "_LACKS_PAGE", statement_rows._LACKS_PAGE.limit(literal_column("3")))
    people = [opened_in_january(fresh_bank) for _ in range(5)]
    with clocks.at(moment("2026-05-15")):
        for count in (20, 0):
            result = fresh_bank.app.test_cli_runner().invoke(args=["statements", "close"])
            assert (result.exit_code, result.stdout) == (0, f"{count} statements made\n")
        with statements(fresh_bank.app) as seen:
            for caller, account in people:
                assert [item["number"] for item in records(caller, account)["items"]] == [4, 3, 2, 1]
        assert not [sql for sql in seen if sql.startswith("INSERT")]


def test_one_account_with_a_fault_does_not_keep_the_others(
    fresh_bank: Bank, raw_sql: Callable[..., RawSql], dialect: str
) -> None:
    """An entry was dated into a month after its statement was made: the books can't be continued, and it is told."""
    faulty, sound = opened_in_january(fresh_bank), opened_in_january(fresh_bank)
    with clocks.at(moment("2026-03-02")):
        assert len(records(*faulty)["items"]) == 2
    with clocks.at(moment("2026-06-10")):
        ok(faulty[0].move(faulty[1], 9, "deposit"), 201)
    with raw_sql(fresh_bank.app) as raw:
        if dialect == "postgresql":
            raw.run("SET LOCAL session_replication_role = replica", misdated(faulty[1]))
        else:
            raw.run("DROP TRIGGER transactions_no_update", misdated(faulty[1]))
    with clocks.at(moment("2026-05-15")):
        result = fresh_bank.app.test_cli_runner().invoke(args=["statements", "close"])
        assert result.exit_code == 1
        assert result.stdout == "4 statements made\n"
        assert faulty[1]["id"] in result.stderr
        assert [item["number"] for item in records(*sound)["items"]] == [4, 3, 2, 1]


def misdated(account: dict[str, Any]) -> str:
    return (
        "UPDATE transactions SET created_at = '2026-02-15T00:00:00.000000Z'"
        f" WHERE account_id = '{account['id']}' AND sequence = 3"
    )


def test_entries_that_are_not_those_of_the_record_are_not_handed_out(
    fresh_bank: Bank, raw_sql: Callable[..., RawSql], dialect: str
) -> None:
    ada, account = opened_in_january(fresh_bank)
    read(ada, account, 1)
    change = f"UPDATE transactions SET description = 'x' WHERE account_id = '{account['id']}' AND sequence = 1"
    with raw_sql(fresh_bank.app) as raw:
        off = "SET LOCAL session_replication_role = replica"
        raw.run(off if dialect == "postgresql" else "DROP TRIGGER transactions_no_update", change)
    refused(ada.get(f"/accounts/{account['id']}/statements/1"), 500, "internal_error")
    for form in FORMATS.values():
        with fresh_bank.app.app_context():
            context.update(user=context.User(ada.user_id, context.CUSTOMER, "", ""))
            with (
                statement_records.opened(account["id"], 1) as statement,
                pytest.raises(StatementMismatchError, match="hash"),
            ):
                list(form.write(statement))


def test_a_month_of_many_entries_is_streamed(bank: Bank) -> None:
    ada = bank.customer()
    with clocks.at(moment("2026-01-20T08:00")):
        account = ada.account()
        histories.load(bank.app, account, 3_000)
    with clocks.at(moment("2026-02-20")):
        assert records(ada, account)["items"][0]["entry_count"] == 3_000
        assert read(ada, account, 1, "csv").count(b"\r\n") == 3_003
