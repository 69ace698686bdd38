"""Categories of transactions: annotations, rules, defaults; and what a rule would change."""

from __future__ import annotations

from typing import Any

import pytest

from bankapp.services import category_rules
from tests.integration.test_annotations import annotate
from tests.integration.test_search import find, ids_of, noted
from tests.support.api_keys import bearer, make
from tests.support.factories import Bank, Caller, ok, refused


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def rule(caller: Caller, category: str, **conditions: Any) -> dict[str, Any]:
    return dict(ok(caller.post("/category-rules", {"category": category} | conditions), 201))


def preview(caller: Caller, category: str, **conditions: Any) -> dict[str, Any]:
    return dict(ok(caller.post("/category-rules/preview", {"category": category} | conditions)))


def buy(caller: Caller, account: dict[str, Any], merchant: str, amount: int = 100) -> dict[str, Any]:
    hold = ok(caller.authorize(caller.card(account), amount, merchant=merchant), 201)
    ok(caller.post(f"/authorizations/{hold['id']}/capture", {}))
    [purchase] = ok(caller.get(f"/transactions?account_id={account['id']}&limit=1"))["items"]
    return dict(purchase)


def test_a_rule_is_made_read_listed_changed_and_deleted(ada: Caller) -> None:
    made = rule(ada, "leisure", counterparty="Corner Bookshop", min_amount=100)
    assert made.items() >= {"category": "leisure", "position": 1, "counterparty": "Corner Bookshop"}.items()
    assert (made["words"], made["type"], made["min_amount"], made["max_amount"]) == (None, None, 100, None)
    path = f"/category-rules/{made['id']}"
    assert ok(ada.get(path)) == made
    other = rule(ada, "piano_lessons", words="Müller", type="transfer_out", position=1)
    assert rule(ada, "rent", words="rent")["position"] == 2
    assert ok(ada.get("/category-rules"))["items"][1:] == [other, made]
    changed = ok(ada.patch(path, {"position": 9, "min_amount": None, "max_amount": 50}))
    assert changed == made | {"position": 9, "min_amount": None, "max_amount": 50}
    assert ok(ada.patch(path, {})) == ok(ada.get(path)) == changed
    ok(ada.delete(path), 204)
    refused(ada.get(path), 404, "not_found")
    events = [
        (row["event_type"], row["metadata"]["category"])
        for row in ok(ada.get("/audit-logs"))["items"]
        if row["resource_id"] == made["id"] and row["event_type"] != "category_rule_change"
    ]
    assert events == [("category_rule_delete", "leisure"), ("category_rule_create", "leisure")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"category": "leisure"}, "words"),
        ({"category": "leisure", "words": None, "type": None}, "words"),
        ({"category": "Leisure", "words": "theatre"}, "category"),
        ({"words": "theatre"}, "category"),
        ({"category": "leisure", "words": "…"}, "words"),
        ({"category": "leisure", "words": "a b c d e f g h i"}, "words"),
        ({"category": "leisure", "counterparty": "x" * 211}, "counterparty"),
        ({"category": "leisure", "type": "cash_paid"}, "type"),
        ({"category": "leisure", "min_amount": 2, "max_amount": 1}, "min_amount"),
        ({"category": "leisure", "min_amount": 0}, "min_amount"),
        ({"category": "leisure", "words": "theatre", "position": 0}, "position"),
        ({"category": "leisure", "words": "theatre", "account_id": "x"}, "account_id"),
    ],
)
def test_wrong_rules_are_refused(ada: Caller, body: dict[str, Any], field: str) -> None:
    for path in ("/category-rules", "/category-rules/preview"):
        assert list(refused(ada.post(path, body), 422, "validation_error")["errors"]) == [field]
    assert ok(ada.get("/category-rules"))["items"] == []


def test_a_rule_keeps_a_condition(ada: Caller) -> None:
    path = f"/category-rules/{rule(ada, 'leisure', words='theatre')['id']}"
    refused(ada.patch(path, {"words": None}), 422, "validation_error")
    refused(ada.patch(path, {"min_amount": 2, "max_amount": 1}), 422, "validation_error")
    assert ok(ada.patch(path, {"words": None, "type": "deposit"}))["words"] is None


def test_a_user_has_a_limited_number_of_rules(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(category_rules, "MAX_RULES", 1)
    rule(ada, "leisure", words="theatre")
    refused(ada.post("/category-rules", {"category": "rent", "words": "rent"}), 422, "limit_exceeded")


def test_a_retried_request_makes_one_rule(ada: Caller) -> None:
    body = {"category": "leisure", "words": "theatre"}
    first, again = ada.post("/category-rules", body, key="one"), ada.post("/category-rules", body, key="one")
    assert ok(first, 201) == ok(again, 201)
    assert len(ok(ada.get("/category-rules"))["items"]) == 1


def test_rules_are_the_customers_own(bank: Bank, ada: Caller) -> None:
    account = ada.account(balance=100)
    path = f"/category-rules/{rule(ada, 'leisure', type='deposit')['id']}"
    for caller in (bank.customer(), bank.employee()):
        refused(caller.get(path), 404, "not_found")
        refused(caller.patch(path, {"category": "rent"}), 404, "not_found")
        refused(caller.delete(path), 404, "not_found")
        assert ok(caller.get("/category-rules"))["items"] == []
        assert preview(caller, "leisure", type="deposit")["items"] == []
    key = bearer(bank, make(ada, account_ids=[account["id"]]))
    refused(key.post("/category-rules", {"category": "rent", "words": "rent"}), 403, "insufficient_scope")
    assert ok(key.get("/category-rules"))["items"] == []
    # Its owner's rules sort what the key sees.
    assert len(find(key, category="leisure")) == 1


def test_transactions_have_a_category_by_default(ada: Caller) -> None:
    account, savings = ada.account(balance=1_000), ada.account(type="savings")
    ok(ada.transfer(account, savings, 10), 201)
    purchase = buy(ada, account, "Corner Bookshop")
    assert ids_of(find(ada, category="shopping")) == [purchase["id"]]
    assert [one["type"] for one in find(ada, category="cash")] == ["deposit"]
    assert {one["type"] for one in find(ada, category="transfers")} == {"transfer_in", "transfer_out"}
    assert find(ada, category="uncategorized") == find(ada, category="savings") == []


@pytest.mark.parametrize(
    ("conditions", "matches"),
    [
        ({"counterparty": "CAFÉ MULLER"}, [0, 1]),
        ({"counterparty": "Café"}, []),
        ({"words": "mul"}, [0, 1]),
        ({"words": "muller cafe", "max_amount": 100}, [0]),
        ({"type": "card_purchase"}, [0, 1, 2]),
        ({"min_amount": 101, "max_amount": 200, "counterparty": "Cafe Müller"}, [1]),
        ({"words": "100%_"}, [0]),
        ({"words": "flat", "type": "transfer_out"}, []),
    ],
)
def test_a_rule_applies_where_all_conditions_match(ada: Caller, conditions: dict[str, Any], matches: list[int]) -> None:
    account = ada.account(balance=1_000)
    made = [
        buy(ada, account, "Café Müller", 100),
        buy(ada, account, "Cafe Muller", 200),
        buy(ada, account, "Corner Bookshop", 300),
    ]
    noted(ada, account, "Flat")
    ok(annotate(ada, made[0]["id"], notes="100 %"))
    expected = [made[number]["id"] for number in reversed(matches)]
    found = preview(ada, "eating_out", **conditions)
    assert (found["count"], ids_of([one["transaction"] for one in found["items"]])) == (len(expected), expected)
    assert {one["category"] for one in found["items"]} <= {"shopping"}
    assert find(ada, category="eating_out") == []
    rule(ada, "eating_out", **conditions)
    assert ids_of(find(ada, category="eating_out")) == expected
    assert preview(ada, "eating_out", **conditions)["count"] == 0


def test_an_annotation_comes_before_rules_and_the_first_rule_before_others(ada: Caller) -> None:
    account, savings = ada.account(balance=1_000), ada.account()
    one, two = buy(ada, account, "Corner Bookshop"), buy(ada, account, "Corner Bookshop")
    ok(ada.transfer(account, savings, 10, description="bookshop"), 201)
    rule(ada, "education", words="bookshop")
    late = rule(ada, "leisure", words="corner")
    assert ids_of(find(ada, category="education")) == [two["id"], one["id"]]
    assert find(ada, category="leisure") == []
    ok(annotate(ada, one["id"], category="leisure"))
    assert ids_of(find(ada, category="leisure")) == [one["id"]]
    assert preview(ada, "gifts", words="bookshop", position=1)["count"] == 0
    ok(ada.patch(f"/category-rules/{late['id']}", {"position": 1}))
    # Of equal positions the oldest rule applies.
    assert ids_of(find(ada, category="leisure")) == [one["id"]]
    ok(ada.patch(f"/category-rules/{late['id']}", {"category": "gifts", "position": 1}))
    ok(ada.patch(f"/category-rules/{ok(ada.get('/category-rules'))['items'][1]['id']}", {"position": 2}))
    assert ids_of(find(ada, category="gifts")) == [two["id"]]
    assert preview(ada, "travel", words="bookshop")["count"] == 0
    assert ids_of(find(ada, category="gifts", q="corner", account_id=account["id"])) == [two["id"]]
    assert find(ada, category="gifts", q="flat") == find(ada, category="gifts", type="deposit") == []


def test_a_reversal_has_the_category_of_what_it_reverses(bank: Bank, ada: Caller) -> None:
    account, target = ada.account(balance=1_000), bank.customer().account()
    transfer = ok(ada.transfer(account, target, 100, description="Piano"), 201)
    ok(bank.employee().post(f"/transfers/{transfer['id']}/reversal"), 201)
    [back, out] = ok(ada.get(f"/transactions?account_id={account['id']}&limit=2"))["items"]
    both = [back["id"], out["id"]]
    assert ids_of(find(ada, category="uncategorized")) == both
    rule(ada, "education", words="piano", type="transfer_out")
    assert ids_of(find(ada, category="education")) == both
    ok(annotate(ada, out["id"], category="leisure"))
    assert ids_of(find(ada, category="leisure")) == both
    ok(annotate(ada, back["id"], category="gifts"))
    assert ids_of(find(ada, category="gifts")) == [back["id"]]
    assert ids_of(find(ada, category="leisure")) == [out["id"]]


def test_pages_of_a_category_continue_each_other(ada: Caller) -> None:
    accounts = [ada.account(), ada.account()]
    made = [noted(ada, accounts[number % 2], f"Number {number}") for number in range(7)]
    found: list[str] = []
    query = "/transactions?category=cash&limit=2"
    page = ok(ada.get(query))
    while page["next_cursor"]:
        found += ids_of(page["items"])
        page = ok(ada.get(f"{query}&cursor={page['next_cursor']}"))
    assert found + ids_of(page["items"]) == ids_of(made)[::-1]


def test_a_preview_counts_all_and_shows_the_newest(ada: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(category_rules, "PREVIEW_SIZE", 2)
    account = ada.account()
    made = [noted(ada, account, "Found it") for _ in range(3)]
    found = preview(ada, "gifts", words="found")
    assert (found["count"], [one["transaction"] for one in found["items"]]) == (3, made[:0:-1])
