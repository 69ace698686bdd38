"""Signing up, in and out in the browser; two users at once; a reload."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, Page, expect

from bankapp.services import seeding
from tests.support.factories import PASSWORD, Bank, ok, unique_email
from tests.web.conftest import serving
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser


def test_a_visitor_signs_up_and_opens_an_account(visitor: Visitor, page: Page) -> None:
    visitor.open()
    page.get_by_role("link", name="Sign up").click()
    for label, text in (
        ("First name", "Grace"),
        ("Last name", "Hopper"),
        ("Date of birth", "1990-12-09"),
        ("E-mail", unique_email()),
    ):
        page.get_by_label(label).fill(text)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    visitor.sees("Grace")
    page.get_by_role("link", name="Open an account").click()
    page.get_by_label("Savings").check()
    page.get_by_label("Currency").select_option("JPY")
    page.get_by_role("button", name="Open account").click()
    visitor.sees("Savings account")
    expect(page.locator(".account-balance .big")).to_have_text("¥0")


@pytest.mark.parametrize("expected_failures", [["401"], ["422"]], indirect=False)
def test_a_refused_sign_in_shows_a_notice_at_the_form(
    context: BrowserContext, bank: Bank, live: Any, expected_failures: list[str]
) -> None:
    visitor = Visitor(context.new_page(), live.url)
    visitor.open()
    visitor.sign_in(bank.customer().email, "not-the-password" if expected_failures == ["401"] else "x" * 1024)
    alert = visitor.page.get_by_role("alert").filter(has_text="Request id")
    expect(alert).to_contain_text("E-mail or password is wrong.")
    expect(visitor.heading()).to_have_text("Sign in")


def test_a_missing_value_shows_its_error_at_the_field(visitor: Visitor, page: Page) -> None:
    visitor.open("/app/sign-up")
    page.get_by_role("button", name="Sign up").click()
    first = page.get_by_label("First name")
    expect(first).to_be_focused()
    expect(first).to_have_attribute("aria-invalid", "true")
    first.fill("G")
    expect(first).not_to_have_attribute("aria-invalid", "true")


def test_a_reload_signs_out_with_a_notice(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    visitor.open("/app/statements")
    visitor.sees("Sign in")
    visitor.arrive(ada)
    visitor.sees("Statements")
    assert len(ok(ada.get("/auth/sessions"))["items"]) == 2
    # htmx stores the address of the last page. No storage has a token.
    stored = page.evaluate("[document.cookie, localStorage.length, Object.keys(sessionStorage), history.state]")
    assert stored == ["", 0, ["htmx-current-path-for-history"], {"wasSignedIn": True}]
    page.reload()
    visitor.sees("Sign in")
    expect(page.locator("#why-here")).to_contain_text("You were signed out because the page was reloaded")
    # The server has ended the session, too.
    expect(page.locator("#person-email")).to_be_hidden()
    assert len(ok(ada.get("/auth/sessions"))["items"]) == 1
    visitor.arrive(ada)
    visitor.sees("Statements")


def test_two_users_in_one_window_see_a_transfer(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    ada.account(balance=10_000)
    target = bob.account()
    visitor.arrive(bob)
    expect(page.locator(".hero-total")).to_contain_text("€0.00")
    visitor.go("/app/sign-in")
    visitor.sees("Sign in")
    visitor.arrive(ada)
    visitor.send(target["number"], "12.50")
    page.get_by_role("button", name="Send €12.50").click()
    visitor.sees("Money sent")
    page.locator("#person-button").click()
    page.get_by_role("button", name=bob.email).click()
    expect(page.locator("#person-email")).to_have_text(bob.email)
    expect(page.locator(".hero-total")).to_contain_text("€12.50")
    page.locator("#person-button").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.locator("#person-email")).to_have_text(ada.email)
    page.locator("#person-button").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    visitor.sees("Sign in")
    expect(page.locator("#why-here")).to_have_text("You are signed out.")


@pytest.fixture
def demo(sqlite_database: Callable[[], str], make_app: Callable[..., Flask]) -> Flask:
    """A development server with demo data, as `make run` starts it."""
    app = make_app(sqlite_database(), BANKAPP_ENV="development", BCRYPT_ROUNDS="4")
    seeded = app.test_cli_runner().invoke(args=["seed", "--customers", "2", "--months", "1"])
    assert seeded.exit_code == 0, seeded.output
    return app


def test_the_demo_login_is_one_click(page: Page, demo: Flask) -> None:
    with serving(demo) as server:
        visitor = Visitor(page, server.url)
        for who, email in (("Ada", seeding.CUSTOMER_EMAIL), ("Jürgen", seeding.NEIGHBOUR_EMAIL)):
            visitor.open()
            page.get_by_role("button", name=who).click()
            expect(page.locator("#person-email")).to_have_text(email)
            visitor.sees(who)


@pytest.mark.parametrize("expected_failures", [["401"]])
def test_the_demo_login_asks_for_the_code_when_a_second_factor_is_on(
    page: Page, demo: Flask, expected_failures: list[str]
) -> None:
    with serving(demo) as server:
        ada = server.bank.signed_in(seeding.CUSTOMER_EMAIL, seeding.PASSWORD)
        totp = pyotp.TOTP(ok(ada.post("/auth/otp/enrol", {"password": seeding.PASSWORD}))["secret"])
        [recovery, *_] = ok(ada.post("/auth/otp/confirm", {"otp": totp.now()}))["recovery_codes"]
        visitor = Visitor(page, server.url)
        visitor.open()
        page.get_by_role("button", name="Ada").click()
        code = page.get_by_label("One-time code")
        expect(code).to_be_focused()
        code.fill(recovery)
        code.press("Enter")
        expect(page.locator("#person-email")).to_have_text(seeding.CUSTOMER_EMAIL)
