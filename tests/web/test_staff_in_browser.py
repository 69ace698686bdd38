"""Staff in the browser: find a customer, freeze and unfreeze an account, reverse a transfer."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.support.factories import Bank, ok
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("expected_failures", [["409", "404"]])
def test_freeze_unfreeze_and_reverse(visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]) -> None:
    ada, bob, clerk = bank.customer(), bank.customer(), bank.employee()
    source, target = ada.account(balance=10_000), bob.account()
    transfer = ok(ada.transfer(source, target, 2_500), 201)
    visitor.arrive(clerk)
    visitor.sees("Find a customer")
    expect(page.get_by_role("link", name="Cards")).to_be_hidden()
    page.get_by_label("Name or e-mail").fill(ada.email)
    page.get_by_role("link", name="Ada Lovelace").click()
    expect(page.get_by_text(ada.email)).to_be_visible()
    page.get_by_role("link", name="Checking account").click()
    page.get_by_role("button", name="Freeze").click()
    page.get_by_role("dialog").get_by_role("button", name="Freeze").click()
    expect(page.get_by_text("This account is frozen.")).to_be_visible()
    assert ok(ada.get(f"/accounts/{source['id']}"))["status"] == "frozen"

    visitor.go("/app/sign-in")
    visitor.sees("Sign in")
    visitor.arrive(ada)
    page.get_by_role("link", name="Checking account").click()
    expect(page.get_by_text("Your account is frozen.")).to_be_visible()
    expect(page.locator("main").get_by_role("link", name="Send", exact=True)).to_have_count(0)

    page.locator("#person-button").click()
    page.get_by_role("button", name=clerk.email).click()
    visitor.sees("Find a customer")
    visitor.go(f"/app/accounts/{source['id']}")
    page.get_by_role("button", name="Unfreeze").click()
    page.get_by_role("dialog").get_by_role("button", name="Unfreeze").click()
    visitor.is_told("The account is active again.")
    page.get_by_role("link", name="Transfer to Ada Lovelace").click()
    visitor.sees("Transfer")
    page.get_by_role("button", name="Reverse transfer").click()
    page.get_by_role("dialog").get_by_role("button", name="Reverse").click()
    visitor.sees("Reversal")
    expect(page.get_by_role("link", name=transfer["id"])).to_be_visible()
    assert (ada.balance(source), bob.balance(target)) == (10_000, 0)
    page.get_by_role("link", name=transfer["id"]).click()
    page.get_by_role("button", name="Reverse transfer").click()
    page.get_by_role("dialog").get_by_role("button", name="Reverse").click()
    expect(page.get_by_role("alert").filter(has_text="reversed before")).to_be_visible()
