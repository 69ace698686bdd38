"""Each movement names its other side as it was then, and carries the payer's reference and end-to-end id."""

from __future__ import annotations

from typing import Any

import pytest

from bankapp import ids
from bankapp.statement_formats import FORMATS
from tests.support.factories import PASSWORD, Bank, Caller, ok, refused, unique_email
from tests.support.handwritten import Books
from tests.support.streams import stream
from tests.unit.statement_formats.readers import csv_rows, mt940_statement, odoo_statement, ofx_statement, pdf_pages

Json = dict[str, Any]

IDENTIFIERS = {"reference": "INV 2026/0117", "end_to_end_id": "E2E-2026.0117:(a)?,'+"}
NONE = {"reference": None, "end_to_end_id": None}
CASH = {"name": "Cash", "account_number": None}


def person(bank: Bank, first_name: str, last_name: str) -> Caller:
    email = unique_email()
    body = {"email": email, "password": PASSWORD, "first_name": first_name, "last_name": last_name, "dob": "1990-12-10"}
    ok(bank.anonymous().post("/auth/signup", body), 201)
    return bank.signed_in(email)


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return person(bank, "Ada", "Lovelace")


@pytest.fixture
def bob(bank: Bank) -> Caller:
    return person(bank, "Bob", "Brown")


def side(name: str, account: Json) -> Json:
    return {"name": name, "account_number": account["number"]}


def seen(document: Json) -> Json:
    return {name: document[name] for name in ("counterparty", "reference", "end_to_end_id")}


def newest(caller: Caller, account: Json) -> Json:
    listed: Json = ok(caller.get(f"/transactions?account_id={account['id']}&limit=1"))["items"][0]
    assert ok(caller.get(f"/transactions/{listed['id']}")) == listed
    assert listed in ok(caller.get("/transactions?limit=2"))["items"]
    [*_, entry] = ok(caller.get(f"/statements/{account['id']}"))["entries"]
    assert entry | {"annotation": None} == listed
    return listed


def rename(caller: Caller, first_name: str) -> None:
    holder = caller.get("/account-holders/me")
    path = f"/account-holders/{ok(holder)['id']}"
    ok(caller.patch(path, {"first_name": first_name}, headers={"If-Match": holder.headers["ETag"]}))


def test_each_side_of_a_transfer_sees_the_other_side(bank: Bank, ada: Caller, bob: Caller) -> None:
    source, target = ada.account(balance=100), bob.account()
    sent = ok(ada.transfer(source, target, 30, **IDENTIFIERS), 201)
    to_bob = {"counterparty": side("Bob Brown", target), **IDENTIFIERS}
    to_ada = {"counterparty": side("Ada Lovelace", source), **IDENTIFIERS}
    assert seen(sent) == to_bob
    assert seen(newest(ada, source)) == to_bob
    assert seen(newest(bob, target)) == to_ada
    for caller, account, wanted in ((ada, source, to_bob), (bob, target, to_ada)):
        read = ok(caller.get(f"/transfers/{sent['id']}"))
        assert seen(read) == wanted
        assert ok(caller.get("/transfers?limit=1"))["items"] == [read]
        assert ok(caller.get(f"/transfers?account_id={account['id']}"))["items"] == [read]
    staff = bank.employee()
    assert seen(ok(staff.get(f"/transfers/{sent['id']}"))) == to_bob
    assert seen(ok(staff.get("/transfers?limit=1"))["items"][0]) == to_bob
    assert seen(ok(staff.get(f"/transfers?account_id={target['id']}"))["items"][0]) == to_ada


def test_neither_side_learns_the_balance_of_the_other_or_the_id_of_its_holder(ada: Caller, bob: Caller) -> None:
    source, target = ada.account(balance=100), bob.account(balance=777_123)
    sent = ok(ada.transfer(source, target, 30), 201)
    assert sent["counterparty"].keys() == {"name", "account_number"}
    mine = newest(ada, source)
    assert target["id"] not in str(mine)
    assert "777153" not in str(mine | sent)


def test_identifiers_may_be_left_out(ada: Caller, bob: Caller) -> None:
    source, target = ada.account(balance=100), bob.account()
    for left_out in ({}, NONE):
        sent = ok(ada.transfer(source, target, 1, **left_out), 201)
        assert seen(sent) == {"counterparty": side("Bob Brown", target), **NONE}
        assert seen(newest(bob, target)) == {"counterparty": side("Ada Lovelace", source), **NONE}


def test_own_accounts_show_the_own_name(ada: Caller) -> None:
    checking, savings = ada.account(balance=100), ada.account(type="savings")
    sent = ok(ada.transfer(checking, savings, 30), 201)
    assert sent["counterparty"] == side("Ada Lovelace", savings)
    assert newest(ada, checking)["counterparty"] == side("Ada Lovelace", savings)
    [received] = ok(ada.get(f"/transactions?account_id={savings['id']}"))["items"]
    assert received["counterparty"] == side("Ada Lovelace", checking)
    assert ok(ada.get(f"/transfers/{sent['id']}")) == sent
    assert ok(ada.get("/transfers"))["items"] == [sent]
    [from_savings] = ok(ada.get(f"/transfers?account_id={savings['id']}"))["items"]
    assert from_savings == sent | {"counterparty": side("Ada Lovelace", checking)}


def test_the_other_side_of_a_deposit_and_a_withdrawal_is_cash(ada: Caller) -> None:
    account = ada.account()
    for kind, given in (("deposit", IDENTIFIERS), ("withdrawal", NONE)):
        body = {"account_id": account["id"], "type": kind, "amount": 5, "currency": "EUR"} | given
        made = ok(ada.post("/transactions", body), 201)
        assert seen(made) == {"counterparty": CASH, **given}
        assert newest(ada, account) == made


def test_the_other_side_of_a_card_purchase_is_the_merchant(ada: Caller) -> None:
    account = ada.account(balance=100)
    hold = ok(ada.authorize(ada.card(account), 40, merchant="Café Ünal"), 201)
    ok(ada.post(f"/authorizations/{hold['id']}/capture"))
    merchant = {"name": "Café Ünal", "account_number": None}
    assert seen(newest(ada, account)) == {"counterparty": merchant, **NONE}


def test_a_reversal_has_the_same_two_sides_and_identifiers(bank: Bank, ada: Caller, bob: Caller) -> None:
    source, target = ada.account(balance=100), bob.account()
    sent = ok(ada.transfer(source, target, 30, **IDENTIFIERS), 201)
    reversal = ok(bank.employee().post(f"/transfers/{sent['id']}/reversal"), 201)
    assert seen(reversal) == {"counterparty": side("Ada Lovelace", source), **IDENTIFIERS}
    assert seen(newest(ada, source)) == {"counterparty": side("Bob Brown", target), **IDENTIFIERS}
    assert seen(newest(bob, target)) == {"counterparty": side("Ada Lovelace", source), **IDENTIFIERS}


def test_each_transfer_of_a_batch_has_its_own(ada: Caller, bob: Caller) -> None:
    source, savings, target = ada.account(balance=100), ada.account(), bob.account()
    orders = [
        {"from_account_id": source["id"], "amount": 1, "currency": "EUR"} | more
        for more in (
            {"to_account_number": target["number"], "reference": "R1"},
            {"to_account_id": savings["id"], "end_to_end_id": "E2"},
        )
    ]
    made = ok(ada.post("/transfers/batch", {"transfers": orders}))
    assert [seen(item["transfer"]) for item in made["items"]] == [
        {"counterparty": side("Bob Brown", target), "reference": "R1", "end_to_end_id": None},
        {"counterparty": side("Ada Lovelace", savings), "reference": None, "end_to_end_id": "E2"},
    ]
    refused_order = orders[0] | {"reference": "ü"}
    problem = refused(ada.post("/transfers/batch", {"transfers": [refused_order]}), 422, "validation_error")
    assert "reference" in str(problem["errors"])


def test_a_later_name_changes_no_history(ada: Caller, bob: Caller) -> None:
    source, target = ada.account(balance=100), bob.account()
    before = ok(ada.transfer(source, target, 30), 201)
    lines = newest(ada, source), newest(bob, target)
    rename(bob, "Robert")
    rename(ada, "Augusta")
    assert (newest(ada, source), newest(bob, target)) == lines
    assert ok(ada.get(f"/transfers/{before['id']}")) == before
    assert ok(ada.transfer(source, target, 1), 201)["counterparty"] == side("Robert Brown", target)
    assert newest(bob, target)["counterparty"] == side("Augusta Lovelace", source)


def test_a_replay_answers_the_first_answer(ada: Caller, bob: Caller) -> None:
    source, target = ada.account(balance=100), bob.account()
    first = ada.transfer(source, target, 30, key="once", **IDENTIFIERS)
    rename(bob, "Robert")
    assert ada.transfer(source, target, 30, key="once", **IDENTIFIERS).data == first.data
    problem = ada.transfer(source, target, 30, key="once", reference="OTHER")
    refused(problem, 422, "idempotency_key_reused")


@pytest.mark.parametrize("field", ["reference", "end_to_end_id"])
@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x" * 36,
        "ends ",
        " begins",
        "/x",
        "x/",
        "a//b",
        "Straße",
        "a\nb",
        "a\tb",
        "a\u0000b",
        "a\u202eb",
        "a\u2066b",
        "a\u200bb",
        "a_b",
        "a#b",
        7,
        ["x"],
    ],
)
def test_an_identifier_has_only_what_every_bank_takes(ada: Caller, field: str, text: Any) -> None:
    account = ada.account()
    for reply in (
        ada.transfer(account, account, 1, **{field: text}),
        ada.post(
            "/transactions",
            {"account_id": account["id"], "type": "deposit", "amount": 1, "currency": "EUR", field: text},
        ),
    ):
        assert refused(reply, 422, "validation_error")["errors"].keys() == {field}


@pytest.mark.parametrize("text", ["x", "x" * 35, "RF18 5390 0754 7034", "a/b/c", "a-?:().,'+z", "a / b"])
def test_an_identifier_is_stored_unchanged(ada: Caller, text: str) -> None:
    account = ada.account()
    body = {"account_id": account["id"], "type": "deposit", "amount": 1, "currency": "EUR"}
    made = ok(ada.post("/transactions", body | {"reference": text, "end_to_end_id": text}), 201)
    assert (made["reference"], made["end_to_end_id"]) == (text, text)
    assert newest(ada, account) == made


def test_statement_files_of_both_sides_name_each_other(ada: Caller, bob: Caller) -> None:
    source, target = ada.account(balance=100), bob.account()
    ok(ada.transfer(source, target, 30, description="Rent", reference="INV-1", end_to_end_id="E2E-1"), 201)
    for caller, account, name, other in ((ada, source, "Bob Brown", target), (bob, target, "Ada Lovelace", source)):
        path = f"/statements/{account['id']}"
        row = csv_rows(caller.get(f"{path}/csv").data)[-2]
        found = (row["counterparty_name"], row["counterparty_account_number"], row["reference"], row["end_to_end_id"])
        assert found == (name, other["number"], "INV-1", "E2E-1")
        line = odoo_statement(caller.get(f"{path}/camt053").data)["transactions"][-1]
        assert (line["partner_name"], line["account_number"], line["ref"]) == (name, other["number"], "INV-1")
        entry = mt940_statement(caller.get(f"{path}/mt940").data)[-1].data
        # By default mt-940 puts the account number before the name.
        assert (entry["applicant_name"], entry["end_to_end_reference"]) == (f"{other['number']}{name}", "E2E-1")
        assert ofx_statement(caller.get(f"{path}/ofx").data).transactions[-1].name == name
        assert f"{name}\nRent\n" in pdf_pages(caller.get(f"{path}/pdf").data)[0]


def test_events_show_what_the_resource_shows(fresh_bank: Bank) -> None:
    ada, bob = person(fresh_bank, "Ada", "Lovelace"), person(fresh_bank, "Bob", "Brown")
    source, target = ada.account(balance=100), bob.account()
    sent = ok(ada.transfer(source, target, 30, **IDENTIFIERS), 201)
    lines = newest(ada, source), newest(bob, target)
    rename(bob, "Robert")
    for caller, line in ((ada, lines[0]), (bob, lines[1])):
        created = [event["data"] for event in stream(fresh_bank.app, caller) if event["type"] == "transaction.created"]
        assert created[-1] | {"annotation": None} == line
    transfers = [event["data"] for event in stream(fresh_bank.app, ada) if event["type"] == "transfer.created"]
    assert transfers == [sent]


def test_movements_of_the_previous_release_have_no_counterparty(books: Books) -> None:
    """During an upgrade, nodes of a release that does not know the columns store rows without them."""
    posting = ids.new()
    books.raw.run(
        books.transfer(posting, books.a, books.b),
        books.leg(posting, books.a, "transfer_out"),
        books.leg(posting, books.b, "transfer_in"),
        books.posting(posting, "transfer"),
    )
    nothing = {"counterparty": None, **NONE}
    for caller, account_id in ((books.ada, books.a), (books.bob, books.b)):
        assert seen(newest(caller, {"id": account_id})) == nothing
        assert seen(ok(caller.get(f"/transfers/{posting}"))) == nothing
        for name in FORMATS:
            assert caller.get(f"/statements/{account_id}/{name}").status_code == 200
    staff = books.bank.employee()
    reversal = ok(staff.post(f"/transfers/{posting}/reversal"), 201)
    assert reversal["counterparty"]["name"] == "Ada Lovelace"
