"""Cards in the browser: the number, the limits, a payment from hold to capture, blocking."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from stdnum import luhn

from tests.support.factories import Bank, ok
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser


def test_the_card_number_is_shown_once(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    ada.account(balance=100)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.arrive(ada)
    page.get_by_role("link", name="Cards").click()
    page.get_by_role("button", name="Get card").click()
    expect(page.get_by_role("heading", name="Your new card's number")).to_be_focused()
    number = page.locator("[data-pan]").inner_text()
    assert luhn.is_valid(number.replace(" ", ""))
    page.get_by_role("button", name="Copy number").click()
    visitor.is_told("The card number is copied.")
    assert page.evaluate("navigator.clipboard.readText()") == number.replace(" ", "")
    page.get_by_role("link", name=f"Virtual card ·· {number[-4:]}").click()
    visitor.sees("Virtual card")
    page.go_back()
    visitor.sees("Cards")
    assert number not in page.content()


@pytest.mark.parametrize("expected_failures", [["422"]])
def test_limits_holds_and_blocking_of_a_card(
    visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    account = ada.account(balance=10_000)
    card = ok(ada.post("/cards", {"account_id": account["id"], "type": "physical"}), 201)
    visitor.arrive(ada)
    visitor.go(f"/app/cards/{card['id']}")

    def pay(amount: str) -> None:
        page.get_by_role("textbox", name="Shop").fill("Corner Bookshop")
        page.locator("#amount").fill(amount)
        page.locator("#pay").get_by_role("button", name="Review").click()
        page.locator("#pay").get_by_role("button", name="Pay").click()

    page.get_by_label("Per payment").fill("50")
    page.get_by_role("button", name="Set limits").click()
    page.get_by_role("button", name="Set these limits").click()
    visitor.is_told("The limits are set.")
    assert ok(ada.get(f"/cards/{card['id']}/limits"))["per_authorization"] == 5_000
    pay("50.01")
    expect(page.get_by_role("alert").filter(has_text="Limit exceeded")).to_be_visible()
    page.locator("#pay").get_by_role("button", name="Change").click()
    pay("49.90")
    visitor.is_told("the amount is held")
    assert ok(ada.get(f"/accounts/{account['id']}"))["available_balance"] == 5_010
    page.get_by_role("button", name="Capture for Corner Bookshop").click()
    expect(page.get_by_text("Paid", exact=True)).to_be_visible()
    assert ada.balance(account) == 5_010
    page.get_by_role("button", name="Block").click()
    expect(page.locator("h1")).to_contain_text("Blocked")
    expect(page.get_by_role("heading", name="Try it in a shop")).to_have_count(0)
    page.get_by_role("button", name="Unblock").click()
    expect(page.locator("h1")).to_contain_text("Active")
    page.get_by_role("button", name="Terminate card").click()
    page.get_by_role("dialog").get_by_role("button", name="Terminate card").click()
    expect(page.locator("h1")).to_contain_text("Terminated")
