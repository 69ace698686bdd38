"""Text from right to left: what customers write stands apart from the words around it."""

from __future__ import annotations

import re
import unicodedata
import uuid
from html.parser import HTMLParser
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.factories import PASSWORD, Bank, Caller, ok
from tests.web.visitor import Visitor

FIRST, LAST = "مريم", "כהן"
DESCRIPTION = "שכר דירה (נובמבר)!"
SHOP = "مكتبة الزاوية (2)"
ACCOUNT = "חופשה (2027)"
# Options cannot have elements: U+2068 and U+2069 isolate there.
ISOLATED = re.compile("\u2068.*\u2069")


class Texts(HTMLParser):
    """Collects the text of a page that has letters from right to left, isolated by <bdi> or its characters, and not."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = 0
        self.isolated: set[str] = set()
        self.loose: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._depth += tag == "bdi"

    def handle_endtag(self, tag: str) -> None:
        self._depth -= tag == "bdi"

    def handle_data(self, data: str) -> None:
        if any(unicodedata.bidirectional(character) in ("R", "AL") for character in data):
            (self.isolated if self._depth or ISOLATED.search(data) else self.loose).add(data.strip())


@pytest.fixture
def maryam(bank: Bank) -> Caller:
    email = f"מרים.{uuid.uuid4().int % 10**12}@example.com"
    body = {"email": email, "password": PASSWORD, "first_name": FIRST, "last_name": LAST, "dob": "1990-12-10"}
    ok(bank.anonymous().post("/auth/signup", body), 201)
    return bank.signed_in(email)


@pytest.fixture
def world(maryam: Caller) -> dict[str, Any]:
    account, savings = maryam.account(balance=100_000), maryam.account(type="savings")
    ok(maryam.patch(f"/accounts/{account['id']}", {"name": ACCOUNT}))
    card = maryam.card(account)
    ok(maryam.authorize(card, 1234, merchant=SHOP), 201)
    transfer = ok(maryam.transfer(account, savings, 500, description=DESCRIPTION), 201)
    return {"account": account, "savings": savings, "card": card, "transfer": transfer}


def test_no_page_shows_what_customers_wrote_outside_of_bdi(bank: Bank, maryam: Caller, world: dict[str, Any]) -> None:
    account, card = world["account"], world["card"]
    holder = ok(maryam.get("/account-holders/me"))
    order = {"from": account["id"], "to": world["savings"]["id"], "amount": "1", "description": DESCRIPTION}
    cash = {"kind": "deposit", "account": account["id"], "amount": "1", "description": DESCRIPTION}
    staff = bank.employee()
    shown = [
        (maryam, "/overview", {}, {FIRST, DESCRIPTION, ACCOUNT}),
        (maryam, f"/accounts/{account['id']}", {}, {f"{FIRST} {LAST}", DESCRIPTION, ACCOUNT}),
        (maryam, f"/transfers/{world['transfer']['id']}", {}, {DESCRIPTION, ACCOUNT}),
        (maryam, "/send/review", order, {DESCRIPTION}),
        (maryam, "/cash/review", cash, {DESCRIPTION}),
        (maryam, "/cards", {}, {f"{FIRST} {LAST}"}),
        (maryam, f"/cards/{card['id']}", {}, {f"{FIRST} {LAST}", SHOP}),
        (maryam, f"/cards/{card['id']}/pay/review", {"merchant": SHOP, "amount": "1"}, {SHOP}),
        (maryam, "/security", {}, {maryam.email}),
        (staff, "/customers", {"q": FIRST}, {f"{FIRST} {LAST}", maryam.email}),
        (staff, "/customers", {"q": "אין"}, {"אין"}),
        (staff, f"/customers/{holder['id']}", {}, {f"{FIRST} {LAST}", maryam.email}),
        (staff, f"/accounts/{account['id']}", {}, {f"{FIRST} {LAST}", DESCRIPTION}),
    ]
    for caller, path, query, expected in shown:
        headers = {"Authorization": f"Bearer {caller.tokens['access_token']}"}
        answer = caller.client.get(f"/pages{path}", query_string=query, headers=headers)
        assert answer.status_code == 200, path
        texts = Texts()
        texts.feed(answer.get_data(as_text=True))
        assert texts.loose == set(), path
        assert expected <= texts.isolated, path


@pytest.mark.browser
def test_text_from_right_to_left_leaves_the_page_in_order(
    visitor: Visitor, page: Page, maryam: Caller, world: dict[str, Any]
) -> None:
    visitor.arrive(maryam)
    greeting = page.locator("main h1")
    expect(greeting).to_contain_text(FIRST)
    # The comma stays between the greeting and the name.
    box, name = greeting.bounding_box(), greeting.locator("bdi").bounding_box()
    assert box is not None
    assert name is not None
    assert name["x"] > box["x"] + 50
    visitor.go(f"/app/accounts/{world['account']['id']}")
    text = page.locator("#history li bdi", has_text=DESCRIPTION)
    # The exclamation mark ends the sentence: it is on the left of a text from right to left.
    assert _left_of(text, DESCRIPTION.index("!")) < _left_of(text, 0)
    visitor.go("/app/send")
    page.get_by_label("Description").fill(DESCRIPTION)
    assert page.get_by_label("Description").evaluate("input => input.matches(':dir(rtl)')")


def _left_of(text: Any, index: int) -> float:
    return float(
        text.evaluate(
            "(element, index) => { const range = document.createRange(), node = element.firstChild;"
            " range.setStart(node, index); range.setEnd(node, index + 1); return range.getBoundingClientRect().left; }",
            index,
        )
    )


@pytest.mark.browser
def test_the_title_of_a_customer_keeps_its_order(visitor: Visitor, page: Page, bank: Bank, maryam: Caller) -> None:
    holder = ok(maryam.get("/account-holders/me"))
    visitor.arrive(bank.employee())
    visitor.go(f"/app/customers/{holder['id']}")
    visitor.sees(f"{FIRST} {LAST}")
    assert page.title() == f"\u2068{FIRST} {LAST}\u2069 – bankapp"
