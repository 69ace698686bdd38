"""Search in the history of one's own accounts."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from bankapp import db
from bankapp.api import transaction_files
from bankapp.repositories import search as searching
from bankapp.services import jobs, search_index
from tests.integration.test_annotations import annotate
from tests.support.api_keys import bearer, make
from tests.support.factories import Bank, Caller, ok, refused

CORPUS = json.loads((Path(__file__).parents[1] / "data" / "search" / "corpus.json").read_text())


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def noted(caller: Caller, account: dict[str, Any], description: str, **extra: Any) -> dict[str, Any]:
    body = {"account_id": account["id"], "type": "deposit", "amount": 100, "currency": account["currency"]}
    return dict(ok(caller.post("/transactions", body | {"description": description} | extra), 201))


def find(caller: Caller, **query: Any) -> list[dict[str, Any]]:
    return list(ok(caller.get(f"/transactions?{urlencode(query)}"))["items"])


def ids_of(items: list[dict[str, Any]]) -> list[str]:
    return [item["id"] for item in items]


def test_each_question_finds_the_texts_that_the_corpus_names(bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account()
    texts = CORPUS["texts"]
    assert len(texts) >= 40
    assert len(CORPUS["questions"]) >= 60
    for text in texts:
        noted(ada, account, text)
    found = {question: [item["description"] for item in find(ada, q=question)] for question in CORPUS["questions"]}
    expected = {
        question: [texts[number] for number in sorted(numbers, reverse=True)]
        for question, numbers in CORPUS["questions"].items()
    }
    assert found == expected


def test_words_are_found_in_all_texts_together(bank: Bank, ada: Caller) -> None:
    grace = bank.customer()
    account, target = ada.account(balance=1000), grace.account()
    extra = {"description": "Rent November", "reference": "INV-2026-0117"}
    ok(ada.transfer(account, target, 5, **extra), 201)
    ok(ada.transfer(account, target, 6, description="Rent December"), 201)
    [newer, older] = find(ada, q="rent")
    assert (newer["description"], older["description"]) == ("Rent December", "Rent November")
    assert find(ada, q="lovelace rent 0117") == [older]
    assert find(ada, q="rent lighthouse") == []
    ok(annotate(ada, older["id"], category="rent", notes="The lighthouse", tags=["Ålesund"]))
    [found] = find(ada, q="rent lighthouse")
    assert found["annotation"] == {"category": "rent", "notes": "The lighthouse", "tags": ["ålesund"]}
    assert find(ada, category="rent") == find(ada, tag="alesund") == [found]
    assert find(ada, category="rent", q="december") == []
    assert ids_of(find(ada, counterparty="ADA lovelace")) == ids_of([newer, older])
    assert find(ada, counterparty="Ada") == []
    # The other side has the description, not the notes.
    assert len(find(grace, q="rent")) == 2
    assert find(grace, q="lighthouse") == []
    ok(annotate(ada, older["id"], notes="The harbour"))
    assert find(ada, q="lighthouse") == find(ada, tag="alesund") == find(ada, category="rent") == []
    assert ids_of(find(ada, q="harbour")) == [older["id"]]


def test_a_note_on_a_transaction_that_is_not_yet_in_the_index_is_found(ada: Caller) -> None:
    made = noted(ada, ada.account(), "Rent")
    ok(annotate(ada, made["id"], notes="lighthouse"))
    assert ids_of(find(ada, q="lighthouse rent")) == [made["id"]]


def test_a_search_is_narrowed_by_the_other_filters(ada: Caller) -> None:
    account, other = ada.account(), ada.account()
    one, two = noted(ada, account, "Rent A"), noted(ada, account, "Rent B", amount=200)
    three = noted(ada, other, "Rent C")
    assert ids_of(find(ada, q="rent")) == ids_of([three, two, one])
    assert ids_of(find(ada, q="rent", account_id=other["id"])) == [three["id"]]
    assert ids_of(find(ada, q="rent", min_amount=150)) == [two["id"]]
    assert find(ada, q="rent", type="withdrawal") == []
    assert ids_of(find(ada, **{"q": "rent", "from": two["created_at"]})) == ids_of([three, two])
    assert ids_of(find(ada, q="rent", to=two["created_at"])) == ids_of([two, one])


@pytest.mark.parametrize(("rare", "branches", "many"), [(1_000, 20, 10_000), (3, 20, 10_000), (3, 1, 4), (3, 1, 1_000)])
def test_pages_continue_each_other_over_all_accounts(
    ada: Caller, monkeypatch: pytest.MonkeyPatch, rare: int, branches: int, many: int
) -> None:
    monkeypatch.setattr(searching, "RARE", rare)
    monkeypatch.setattr(searching, "MANY", many)
    monkeypatch.setattr(searching, "MAX_BRANCHES", branches)
    accounts = [ada.account(), ada.account(), ada.account()]
    made = []
    for number in range(12):
        word = ("Rental", "Rent renting", "Renovation")[number // 3 % 3]
        made.append(noted(ada, accounts[number % 3], f"{word} of flat {number}"))
    for query in ({"q": "ren"}, {"q": "ren flat"}, {"q": "ren", "account_id": accounts[1]["id"]}):
        expected = [one["id"] for one in reversed(made) if query.get("account_id") in (None, one["account_id"])]
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = ok(ada.get(f"/transactions?{urlencode(query | cursor | {'limit': 2})}"))
            found += ids_of(page["items"])
            if page["next_cursor"] is None:
                break
            # Rows that are added meanwhile do not move the pages.
            noted(ada, accounts[0], "Rent of flat, too")
            cursor = {"cursor": page["next_cursor"]}
        assert found[-len(expected) :] == expected, query
        made += [one for one in reversed(find(ada, q="too", limit=100)) if one["id"] not in ids_of(made)]


def test_everybody_searches_their_own_accounts_only(bank: Bank, ada: Caller) -> None:
    account, other = ada.account(), ada.account()
    made = noted(ada, account, "Zeppelin tickets")
    noted(ada, other, "Zeppelin insurance")
    eve, staff = bank.customer(), bank.employee()
    for caller in (eve, staff):
        assert find(caller, q="zeppelin") == []
        refused(caller.get(f"/transactions?q=zeppelin&account_id={account['id']}"), 404, "not_found")
    limited = bearer(bank, make(ada, account_ids=[account["id"]]))
    assert ids_of(find(limited, q="zeppelin")) == [made["id"]]
    refused(limited.get(f"/transactions?q=zeppelin&account_id={other['id']}"), 404, "not_found")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"q": "!!!"}, "q"),
        ({"q": ""}, "q"),
        ({"q": "a" * 211}, "q"),
        ({"q": "a b c d e f g h i"}, "q"),
        ({"tag": "?"}, "tag"),
        ({"category": ""}, "category"),
        ({"counterparty": "-"}, "counterparty"),
    ],
    ids=str,
)
def test_a_question_without_words_or_with_too_many_is_refused(ada: Caller, query: dict[str, str], field: str) -> None:
    problem = refused(ada.get(f"/transactions?{urlencode(query)}"), 422, "validation_error")
    assert list(problem["errors"]) == [field]


def test_a_search_adds_what_is_missing_and_asks_to_repeat_where_it_is_much(
    ada: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = ada.account()
    made = [noted(ada, account, f"Rent {number}") for number in range(5)]
    monkeypatch.setattr(search_index, "BATCH_SIZE", 3)
    problem = ada.get("/transactions?q=rent")
    refused(problem, 503, "unavailable")
    assert int(problem.headers["Retry-After"]) > 0
    assert ids_of(find(ada, q="rent")) == ids_of(made[::-1])


def test_the_job_and_the_command_make_the_same_index(fresh_bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = fresh_bank.customer()
    account = ada.account(balance=5)
    made = noted(ada, account, "Café Zürich")
    ok(annotate(ada, made["id"], category="eating_out", tags=["trip"]))
    [job] = [job for job in jobs.JOBS if job.name == "index_transactions"]

    def index() -> Any:
        with fresh_bank.app.app_context():
            return [
                [tuple(row) for row in db.rows(query)]
                for query in (searching.select(searching.SearchTerm), searching.select(searching.SearchText))
            ]

    monkeypatch.setattr(search_index, "BATCH_SIZE", 1)
    with fresh_bank.app.app_context():
        assert [job.run(), job.run(), job.run()] == [1, 1, 0]
    first = index()
    assert sorted(row[1] for row in first[0]) == sorted(
        ["cash", "@cash", "cafe", "cash", "@cash", "zurich", "/eating out", "#trip"]
    )
    result = fresh_bank.app.test_cli_runner().invoke(args=["search", "rebuild"])
    assert (result.exit_code, result.output) == (0, "2 transactions of 1 account in the index\n")
    assert index() == first


def test_a_result_is_downloaded_as_csv(bank: Bank, ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    account, target = ada.account(balance=1000), bank.customer().account()
    ok(ada.transfer(account, target, 250, description="=Rent; November", reference="INV-1"), 201)
    [sent] = find(ada, q="rent")
    ok(annotate(ada, sent["id"], category="rent", notes="Shared, really", tags=["flat", "home"]))
    answer = ada.get("/transactions/csv?q=rent")
    assert answer.status_code == 200
    assert answer.content_type == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="transactions.csv"'
    [row] = csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline=""))
    assert row == {
        "date": sent["created_at"][:10],
        "type": "transfer_out",
        "description": "'=Rent; November",
        "counterparty_name": "Ada Lovelace",
        "counterparty_account_number": target["number"],
        "reference": "INV-1",
        "end_to_end_id": "",
        "amount": "-2.50",
        "currency": "EUR",
        "balance": "7.50",
        "category": "rent",
        "tags": "flat, home",
        "notes": "Shared, really",
        "transaction_id": sent["id"],
        "account_id": account["id"],
        "transfer_id": sent["transfer_id"],
        "created_at": sent["created_at"],
    }
    everything = ada.get(f"/transactions/csv?account_id={account['id']}").get_data(as_text=True)
    assert [line["type"] for line in csv.DictReader(everything.splitlines())] == ["transfer_out", "deposit"]
    monkeypatch.setattr(transaction_files, "MAX_ROWS", 1)
    problem = refused(ada.get("/transactions/csv"), 422, "validation_error")
    assert list(problem["errors"]) == ["from"]
