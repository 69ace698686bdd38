"""Annotations: category, notes and tags that a customer puts on their own side of a movement."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.api_keys import bearer, make
from tests.support.factories import Bank, Caller, ok, refused

EMPTY = {"category": None, "notes": None, "tags": [], "updated_at": None}


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def annotate(caller: Caller, transaction_id: str, version: str = "*", **content: Any) -> Any:
    headers = {"If-Match": version if version == "*" else f'"{version}"'}
    return caller.request("PUT", f"/transactions/{transaction_id}/annotation", json=content, headers=headers)


def test_an_annotation_is_written_read_replaced_and_emptied(ada: Caller) -> None:
    made = ada.deposit(ada.account(), 100)
    path = f"/transactions/{made['id']}/annotation"
    first = ada.get(path)
    assert (ok(first), first.headers["ETag"]) == (EMPTY, '"0"')
    written = annotate(ada, made["id"], "0", category="groceries", notes="Shared with Grace", tags=["Summer  Holiday"])
    assert ok(written).items() >= {"category": "groceries", "notes": "Shared with Grace"}.items()
    assert written.get_json()["tags"] == ["summer holiday"]
    assert written.headers["ETag"] == '"1"'
    assert ok(ada.get(path)) == written.get_json()
    replaced = ok(annotate(ada, made["id"], "1", category="my_own_word"))
    assert (replaced["category"], replaced["notes"], replaced["tags"]) == ("my_own_word", None, [])
    emptied = annotate(ada, made["id"], "2")
    assert ok(emptied) == EMPTY | {"updated_at": emptied.get_json()["updated_at"]}
    assert emptied.headers["ETag"] == '"3"'
    assert ok(ada.get(f"/transactions/{made['id']}"))["annotation"] is None


def test_a_change_since_the_last_read_refuses_the_next_one(ada: Caller) -> None:
    made = ada.deposit(ada.account(), 100)
    ok(annotate(ada, made["id"], "0", notes="First"))
    refused(annotate(ada, made["id"], "0", notes="Second"), 412, "precondition_failed")
    path = f"/transactions/{made['id']}/annotation"
    refused(ada.request("PUT", path, json={"notes": "Third"}), 428, "precondition_required")
    assert ok(ada.get(path))["notes"] == "First"


def test_the_owner_sees_annotations_on_transactions(ada: Caller) -> None:
    account = ada.account(balance=100)
    plain, noted = ada.deposit(account, 1), ada.deposit(account, 2)
    ok(annotate(ada, noted["id"], category="rent", tags=["flat"]))
    remarks = {"category": "rent", "notes": None, "tags": ["flat"]}
    assert ok(ada.get(f"/transactions/{noted['id']}")) == noted | {"annotation": remarks}
    expected = [noted | {"annotation": remarks}, plain | {"annotation": None}]
    for query in (f"account_id={account['id']}", f"account_id={account['id']}&min_amount=1", "min_amount=1"):
        assert ok(ada.get(f"/transactions?limit=2&{query}"))["items"] == expected, query


def test_nobody_but_the_owner_reads_or_writes_an_annotation(bank: Bank, ada: Caller) -> None:
    grace = bank.customer()
    account, target = ada.account(balance=100), grace.account()
    ok(ada.transfer(account, target, 5), 201)
    [sent] = ok(ada.get(f"/transactions?account_id={account['id']}&type=transfer_out"))["items"]
    [received] = ok(grace.get(f"/transactions?account_id={target['id']}"))["items"]
    ok(annotate(ada, sent["id"], notes="A secret"))
    assert ok(grace.get(f"/transactions/{received['id']}"))["annotation"] is None
    staff = bank.employee()
    assert ok(staff.get(f"/transactions/{sent['id']}"))["annotation"] is None
    for query in ("", f"&account_id={account['id']}"):
        items = ok(staff.get(f"/transactions?limit=5{query}"))["items"]
        assert [item["annotation"] for item in items] == [None] * len(items)
    for other in (grace, staff):
        refused(other.get(f"/transactions/{sent['id']}/annotation"), 404, "not_found")
        refused(annotate(other, sent["id"], notes="Mine"), 404, "not_found")


def test_events_and_statements_do_not_show_annotations(ada: Caller) -> None:
    account = ada.account()
    made = ada.deposit(account, 100)
    ok(annotate(ada, made["id"], notes="A secret"))
    [entry] = ok(ada.get(f"/statements/{account['id']}"))["entries"]
    assert "annotation" not in entry
    assert made["annotation"] is None


def test_a_key_for_other_accounts_finds_no_annotation(bank: Bank, ada: Caller) -> None:
    made, other = ada.deposit(ada.account(), 100), ada.account()
    key = make(ada, account_ids=[other["id"]])
    limited = bearer(bank, key)
    refused(limited.get(f"/transactions/{made['id']}/annotation"), 404, "not_found")
    refused(annotate(limited, made["id"], notes="Mine"), 404, "not_found")


@pytest.mark.parametrize(
    ("content", "field"),
    [
        ({"category": "Eating out"}, "category"),
        ({"category": "rent\n"}, "category"),
        ({"category": "eating__out"}, "category"),
        ({"category": "a" * 31}, "category"),
        ({"notes": "n" * 501}, "notes"),
        ({"notes": "two\nlines"}, "notes"),
        ({"tags": ["a", "A "]}, "tags"),
        ({"tags": [str(number) for number in range(11)]}, "tags"),
        ({"tags": ["t" * 31]}, "tags.0"),
        ({"tags": ["!!"]}, "tags.0"),
        ({"tags": None}, "tags"),
        ({"colour": "red"}, "colour"),
    ],
    ids=str,
)
def test_a_wrong_annotation_is_refused(ada: Caller, content: dict[str, Any], field: str) -> None:
    made = ada.deposit(ada.account(), 100)
    problem = refused(annotate(ada, made["id"], **content), 422, "validation_error")
    assert list(problem["errors"]) == [field]
