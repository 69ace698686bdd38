"""The clock of the session: it shows the time left, asks before the access ends, and reports the end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support.factories import Bank, ok
from tests.web.conftest import Live
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.fixture
def visitor(page: Page, live: Live) -> Visitor:
    """A visitor whose page has a clock that the test can advance."""
    page.clock.install()
    return Visitor(page, live.url)


def test_the_clock_shows_the_time_left_and_renews_at_a_click(visitor: Visitor, page: Page, bank: Bank) -> None:
    visitor.arrive(bank.customer())
    left = page.get_by_role("timer")
    page.clock.fast_forward("05:00")
    expect(left).to_have_text("5:00")
    with page.expect_response("**/v1/auth/refresh") as refreshed:
        page.get_by_role("button", name="Renew", exact=True).click()
    assert refreshed.value.status == 200
    expect(left).to_have_text("10:00")


def test_the_page_asks_before_the_access_ends_and_stays_on_its_view(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    ada.account(balance=500)
    visitor.arrive(ada)
    visitor.go("/app/cash")
    page.locator("#amount").fill("1.25")
    page.clock.fast_forward("09:10")
    dialog = page.get_by_role("dialog", name="Are you still there?")
    expect(dialog).to_contain_text("you will be signed out in 0:")
    stay = dialog.get_by_role("button", name="Stay signed in")
    expect(stay).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("timer")).to_have_text("10:00")
    expect(page.locator("#amount")).to_have_value("1.25")


def test_a_dismissed_question_returns_when_the_access_is_needed(visitor: Visitor, page: Page, bank: Bank) -> None:
    visitor.arrive(bank.customer())
    page.clock.fast_forward("09:10")
    dialog = page.locator("#ending")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.clock.fast_forward("01:00")
    page.get_by_role("link", name="Cards").click()
    expect(dialog).to_contain_text("You have been away")
    dialog.get_by_role("button", name="Stay signed in").click()
    visitor.sees("Cards")


def test_the_access_is_renewed_automatically_when_chosen(visitor: Visitor, page: Page, bank: Bank) -> None:
    visitor.arrive(bank.customer())
    page.locator("#person-button").click()
    page.get_by_label("Renew automatically", exact=True).check()
    with page.expect_response("**/v1/auth/refresh") as refreshed:
        page.clock.fast_forward("09:10")
    assert refreshed.value.status == 200
    expect(page.get_by_role("timer")).to_have_text("10:00")
    expect(page.locator("#ending")).to_be_hidden()


def test_the_page_warns_before_the_session_ends_and_reports_the_end(visitor: Visitor, page: Page, bank: Bank) -> None:
    visitor.arrive(bank.customer())
    page.clock.fast_forward("11:58:30")
    dialog = page.get_by_role("dialog", name="Your session is about to end")
    expect(dialog).to_contain_text("signed out in 1:")
    dialog.get_by_role("button", name="OK").click()
    expect(dialog).to_be_hidden()
    page.clock.fast_forward("01:40")
    visitor.sees("Sign in")
    expect(page.locator("#why-here")).to_contain_text("Your session has ended")


@pytest.mark.parametrize("expected_failures", [["401"]])
def test_a_session_ended_elsewhere_ends_on_the_page(
    visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    visitor.arrive(ada)
    assert ada.delete("/auth/sessions").status_code == 204
    page.get_by_role("link", name="Cards").click()
    visitor.sees("Sign in")
    expect(page.locator("#why-here")).to_contain_text("Your session has ended")


def test_short_lived_tokens_end_by_the_servers_clock(page: Page, new_server: Callable[..., Any]) -> None:
    with new_server(access_token_lifetime=timedelta(seconds=3)) as server:
        ada = server.bank.customer()
        visitor = Visitor(page, server.url)
        visitor.arrive(ada)
        dialog = page.locator("#ending")
        expect(dialog).to_be_visible()
        page.get_by_label("From now on, renew automatically").check()
        dialog.get_by_role("button", name="Stay signed in").click()
        expect(dialog).to_be_hidden()
        with page.expect_response("**/v1/auth/refresh") as renewed:
            pass
        assert renewed.value.status == 200
        visitor.go("/app/activity")
        expect(page.locator(".row-title", has_text="Session renewed").first).to_be_visible()
        assert ok(server.bank.signed_in(ada.email).get("/auth/me"))["email"] == ada.email
