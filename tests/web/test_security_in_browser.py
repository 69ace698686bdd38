"""Sessions, password and second factor in the browser."""

from __future__ import annotations

import pyotp
import pytest
from playwright.sync_api import Page, expect

from tests.support.factories import PASSWORD, Bank, ok, refused
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser

NEW_PASSWORD = "quiet-marble-canoe-88"


def test_sessions_end_one_by_one_and_all_at_once(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    other = bank.signed_in(ada.email, **{"X-Device-Id": "old phone"})
    visitor.arrive(ada)
    page.get_by_role("link", name="Security").click()
    expect(page.get_by_text("This session")).to_be_visible()
    page.get_by_role("button", name="End the session on old phone").click()
    visitor.is_told("The session has ended.")
    refused(other.get("/auth/me"), 401, "token_revoked")
    page.get_by_role("button", name="End all sessions").click()
    page.get_by_role("dialog").get_by_role("button", name="End all").click()
    visitor.sees("Sign in")
    refused(ada.get("/auth/me"), 401, "token_revoked")


@pytest.mark.parametrize("expected_failures", [["401", "422"]])
def test_the_password_changes(visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]) -> None:
    ada = bank.customer()
    visitor.arrive(ada)
    visitor.go("/app/security")
    current = page.get_by_label("Current password")
    current.fill("not-my-password")
    page.get_by_label("New password").fill(NEW_PASSWORD)
    change = page.get_by_role("button", name="Change password")
    change.click()
    expect(current).to_have_attribute("aria-invalid", "true")
    current.fill(PASSWORD)
    page.get_by_label("New password").fill("password1234")
    change.click()
    expect(page.get_by_label("New password")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("New password").fill(NEW_PASSWORD)
    change.click()
    visitor.is_told("Your password is changed")
    bank.signed_in(ada.email, NEW_PASSWORD)


@pytest.mark.parametrize("expected_failures", [["401"]])
def test_the_second_factor_from_qr_code_to_sign_in(
    visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    visitor.arrive(ada)
    visitor.go("/app/security")
    part = page.locator("#second-factor")
    part.get_by_label("Password").fill(PASSWORD)
    part.get_by_role("button", name="Switch on").click()
    expect(part.get_by_role("img", name="QR code of the secret")).to_be_visible()
    secret = page.locator("[data-secret]").inner_text().replace(" ", "")
    part.get_by_label("Current code from the app").fill(pyotp.TOTP(secret).now())
    part.get_by_role("button", name="Confirm").click()
    codes = page.locator("[data-codes-list] li")
    expect(codes).to_have_count(10)
    first, second = codes.nth(0).inner_text(), codes.nth(1).inner_text()
    part.get_by_role("button", name="I have saved them").click()
    expect(part).to_contain_text("10 of your recovery codes are left")
    page.locator("#person-button").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    visitor.sees("Sign in")
    visitor.sign_in(ada)
    code = page.get_by_label("One-time code")
    expect(code).to_be_focused()
    code.fill(first)
    code.press("Enter")
    expect(page.locator("#person-email")).to_have_text(ada.email)
    visitor.go("/app/security")
    expect(part).to_contain_text("9 of your recovery codes are left")
    part.get_by_label("Password").fill(PASSWORD)
    part.get_by_label("Code").fill(second)
    part.get_by_role("button", name="Switch off").click()
    expect(part.get_by_role("button", name="Switch on")).to_be_visible()
    assert ok(bank.signed_in(ada.email).get("/auth/otp"))["enabled"] is False
