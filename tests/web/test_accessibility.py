"""Accessibility: axe-core finds nothing serious on any page, and every page fits the width of a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from playwright.sync_api import Browser, expect

from tests.support.api_keys import make
from tests.support.factories import Bank, ok
from tests.support.streams import number
from tests.web.conftest import Live
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser

Scheme = Literal["light", "dark"]


@pytest.fixture(params=["light", "dark"])
def scheme(request: pytest.FixtureRequest) -> Scheme:
    return "dark" if request.param == "dark" else "light"


@pytest.fixture
def visitor(browser: Browser, live: Live, scheme: Scheme) -> Iterator[Visitor]:
    opened = browser.new_context(
        viewport={"width": 360, "height": 740}, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True
    )
    opened.set_default_timeout(8_000)
    yield Visitor(opened.new_page(), live.url)
    opened.close()


def check(visitor: Visitor, name: str) -> list[str]:
    expect(visitor.heading()).to_be_visible()
    expect(visitor.page.locator(".htmx-request")).to_have_count(0)
    wider = visitor.page.evaluate("document.documentElement.scrollWidth - innerWidth")
    found = [f"{name}: {fault}" for fault in visitor.faults()]
    return found + ([f"{name}: {wider} px wider than the screen"] if wider > 0 else [])


def test_pages_of_a_customer_are_accessible(visitor: Visitor, bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    account, other = ada.account(balance=123_456), ada.account("KWD", 7_000, type="savings")
    ok(ada.patch(f"/accounts/{account['id']}", {"name": "W" * 80}))
    transfer = ok(ada.transfer(account, bob.account(), 1_000, description="Rent " * 20), 201)
    [movement, *_] = ok(ada.get(f"/transactions?account_id={account['id']}"))["items"]
    ok(ada.post("/payees", {"name": "Grace Hopper", "account_number": "DE02120300000000202051"}), 201)
    card = ok(ada.post("/cards", {"account_id": account["id"], "type": "virtual"}), 201)
    body = {"amount": 1_990, "currency": "EUR", "merchant": "Corner Bookshop"}
    ok(ada.post(f"/cards/{card['id']}/authorizations", body), 201)
    ok(bank.employee().post(f"/accounts/{other['id']}/freeze"))
    key = make(ada, account_ids=[account["id"]])
    endpoint = ok(ada.post("/webhook-endpoints", {"url": "https://ada.example/" + "bank-events/" * 5}), 201)
    ok(ada.post(f"/webhook-endpoints/{endpoint['id']}/test"), 202)
    number(bank.app)
    visitor.open()
    found = check(visitor, "sign-in")
    visitor.go("/app/sign-up")
    found += check(visitor, "sign-up")
    visitor.go("/app/sign-in")
    visitor.arrive(ada)
    for path in (
        "overview",
        f"accounts/{account['id']}",
        f"accounts/{other['id']}",
        "accounts/new",
        "movements",
        f"movements/{movement['id']}",
        "insights",
        "send",
        "payees",
        "cash",
        f"transfers/{transfer['id']}",
        "cards",
        f"cards/{card['id']}",
        "statements",
        "security",
        "activity",
        "developers",
        "developers/keys/new",
        f"developers/keys/{key['id']}",
        "developers/webhooks/new",
        f"developers/webhooks/{endpoint['id']}",
        "developers/events",
        "nowhere",
    ):
        visitor.go(f"/app/{path}")
        found += check(visitor, path)
    assert found == []


def test_steps_menus_and_dialogs_are_accessible(visitor: Visitor, bank: Bank) -> None:
    ada = bank.customer()
    ada.account(balance=10_000)
    ok(ada.post("/payees", {"name": "Grace Hopper", "account_number": "DE02120300000000202051"}), 201)
    page = visitor.page
    visitor.arrive(ada)
    found: list[str] = []
    visitor.go("/app/send")
    page.locator("#amount").fill("1,000")
    page.get_by_role("button", name="Review").click()
    expect(page.locator("[aria-invalid]").first).to_be_visible()
    found += check(visitor, "complaints")
    for name in ("Ada Lovelace", "A. Lovelace", "Grace Hopper"):
        visitor.send(bank.customer().account()["number"], "10", name=name)
        expect(page.locator("[data-verdict] strong")).to_be_visible()
        found += check(visitor, f"review of {name}")
    visitor.go("/app/payees")
    page.locator("summary").first.click()
    found += check(visitor, "renaming a payee")
    page.locator("#person-button").click()
    found += check(visitor, "menu")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="More").click()
    found += check(visitor, "more")
    page.keyboard.press("Escape")
    page.evaluate("import('/static/js/session.js').then(s => { s.current().accessEndsAt = Date.now() + 19000; })")
    expect(page.locator("#ending")).to_be_visible()
    found += check(visitor, "dialog")
    page.keyboard.press("Escape")
    visitor.go("/app/cards")
    page.get_by_role("button", name="Get card").click()
    expect(page.locator("[data-pan]")).to_be_visible()
    found += check(visitor, "new card")
    assert found == []


def test_pages_of_staff_are_accessible(visitor: Visitor, bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=1_000)
    transfer = ok(ada.transfer(account, ada.account(), 10), 201)
    page = visitor.page
    visitor.arrive(bank.employee())
    # Waits like a person: htmx does not notice a change that is made before it has processed the new page.
    page.get_by_label("Name or e-mail").press_sequentially(ada.email, delay=20)
    expect(page.get_by_role("link", name="Ada Lovelace")).to_be_visible()
    found = check(visitor, "customers")
    page.get_by_role("link", name="Ada Lovelace").click()
    visitor.sees("Ada Lovelace")
    found += check(visitor, "customer")
    for path in (f"accounts/{account['id']}", f"transfers/{transfer['id']}", "activity", "security"):
        visitor.go(f"/app/{path}")
        found += check(visitor, path)
    assert found == []
