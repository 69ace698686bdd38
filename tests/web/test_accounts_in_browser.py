"""Accounts and statements in the browser."""

from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from bankapp import clock
from tests.support.factories import Bank, ok
from tests.web.conftest import Live
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser


def test_history_loads_more_and_filters(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=50_000)
    for amount in range(1, 20):
        ok(ada.move(account, amount * 100, "withdrawal"), 201)
    visitor.arrive(ada)
    visitor.go(f"/app/accounts/{account['id']}")
    rows = page.locator("#history .row")
    expect(rows).to_have_count(15)
    page.get_by_role("button", name="Show more").press("Enter")
    expect(rows).to_have_count(20)
    expect(rows.nth(15)).to_be_focused()
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("Type").select_option("deposit")
    expect(rows).to_have_count(1)
    page.get_by_role("link", name="Clear all").click()
    expect(rows).to_have_count(15)


def test_a_search_is_in_the_address_and_its_result_is_a_file(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada, zoe = bank.customer(), bank.customer()
    account, theirs = ada.account(balance=50_000), zoe.account()
    ok(ada.transfer(account, theirs, 100, description="Rent March"), 201)
    ok(ada.transfer(account, theirs, 200, description="Rent April"), 201)
    ok(ada.transfer(account, theirs, 300, description="Concert"), 201)
    visitor.arrive(ada)
    visitor.go("/app/movements")
    rows = page.locator("#history .row")
    expect(rows).to_have_count(4)
    page.get_by_role("searchbox", name="Search").fill("rént")
    expect(rows).to_have_count(2)
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("At least").fill("2")
    page.get_by_label("At least").blur()
    expect(rows).to_have_count(1)
    assert page.url.endswith("/app/movements?q=r%C3%A9nt&min=2")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download as CSV").click()
    lines = Path(downloading.value.path()).read_text().splitlines()
    assert len(lines) == 2
    assert "Rent April" in lines[1]
    rows.get_by_role("link", name="Transfer to").click()
    visitor.sees("Transfer sent")
    page.go_back()
    expect(rows).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("rént")
    page.get_by_role("link", name="Remove filter At least: 2").click()
    expect(rows).to_have_count(2)
    page.get_by_role("searchbox", name="Search").fill("nothing like this")
    expect(page.get_by_text("No movement matches.")).to_be_visible()
    page.get_by_role("link", name="Clear all").click()
    expect(rows).to_have_count(4)


def test_notes_of_a_movement_are_saved_and_found(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    moved = ada.deposit(ada.account(), 100)
    visitor.arrive(ada)
    visitor.go(f"/app/movements/{moved['id']}")
    page.get_by_label("Category").select_option("gifts")
    page.get_by_label("Tags").fill("Birthday, Oma")
    page.get_by_role("textbox", name="Notes").fill("From grandmother")
    page.get_by_role("button", name="Save").click()
    visitor.is_told("Your notes are saved.")
    expect(page.get_by_label("Tags")).to_have_value("birthday, oma")
    kept = ok(ada.get(f"/transactions/{moved['id']}/annotation"))
    assert (kept["category"], kept["tags"], kept["notes"]) == ("gifts", ["birthday", "oma"], "From grandmother")
    page.get_by_label("Tags").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_label("Tags")).to_have_value("")
    visitor.go("/app/movements?category=gifts")
    expect(page.locator("#history .row")).to_contain_text("Gifts")


def test_a_named_account_becomes_the_first(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    first, account = ada.account(), ada.account(balance=1_000)
    ok(ada.patch(f"/accounts/{first['id']}", {"position": 0}))
    visitor.arrive(ada)
    visitor.go(f"/app/accounts/{account['id']}")
    page.get_by_text("Name and order").click()
    page.get_by_label("Name").fill("Holidays")
    page.get_by_role("button", name="Save").click()
    visitor.sees("Holidays")
    page.get_by_text("Name and order").click()
    page.get_by_role("button", name="Make this my first account").click()
    visitor.is_told("This is your first account now.")
    visitor.go("/app/cash?kind=deposit")
    expect(page.get_by_label("Account")).to_have_value(account["id"])
    visitor.go("/app/movements")
    page.get_by_role("link", name="Deposit", exact=True).click()
    visitor.sees("Deposit")
    expect(page.locator(".back")).to_have_text("Holidays")


def test_times_are_in_the_zone_of_the_browser(browser: Browser, live: Live) -> None:
    ada = live.bank.customer()
    moved = ada.deposit(ada.account(), 100)
    local = clock.from_text(moved["created_at"]).astimezone(ZoneInfo("Asia/Tokyo"))
    opened = browser.new_context(timezone_id="Asia/Tokyo", reduced_motion="reduce")
    opened.set_default_timeout(8_000)
    visitor = Visitor(opened.new_page(), live.url)
    visitor.arrive(ada)
    visitor.go(f"/app/movements/{moved['id']}")
    expect(visitor.page.locator("dd time")).to_contain_text(f"{local:%H:%M} JST")
    opened.close()


@pytest.mark.parametrize("expected_failures", [["422"]])
def test_an_invalid_filter_shows_its_error_at_the_field(
    visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    account = ada.account(balance=100)
    visitor.arrive(ada)
    visitor.go(f"/app/accounts/{account['id']}")
    page.get_by_text("Filter", exact=True).click()
    page.get_by_label("At least").fill("much")
    page.get_by_label("At least").press("Enter")
    expect(page.get_by_label("At least")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Write the amount like 12.34.")).to_be_visible()


@pytest.mark.parametrize("expected_failures", [["409"]])
def test_an_account_closes_once_it_is_empty(
    visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    account = ada.account(balance=100)
    visitor.arrive(ada)
    visitor.go(f"/app/accounts/{account['id']}")
    close = page.locator("main").get_by_role("button", name="Close account")
    close.click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    close.click()
    page.get_by_role("dialog").get_by_role("button", name="Close account").click()
    expect(page.get_by_role("alert").filter(has_text="Account not empty")).to_be_visible()
    ok(ada.move(account, 100, "withdrawal"), 201)
    close.click()
    page.get_by_role("dialog").get_by_role("button", name="Close account").click()
    expect(page.get_by_text("This account is closed.")).to_be_visible()
    assert ok(ada.get(f"/accounts/{account['id']}"))["status"] == "closed"


def test_an_account_opened_today_has_no_chart(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=12_345)
    visitor.arrive(ada)
    visitor.go(f"/app/accounts/{account['id']}")
    visitor.sees("Checking account")
    expect(page.locator("[data-chart]")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "begins"),
    [
        ("PDF", b"%PDF"),
        ("CSV", b""),
        ("JSON", b"{"),
        ("camt.053", b"<?xml"),
        ("MT940", b""),
        ("OFX", b""),
    ],
)
def test_a_statement_downloads(visitor: Visitor, page: Page, bank: Bank, name: str, begins: bytes) -> None:
    ada = bank.customer()
    account = ada.account(balance=12_345)
    visitor.arrive(ada)
    visitor.go(f"/app/statements?account={account['id']}")
    expect(page.locator("#preview")).to_contain_text("€123.45")
    page.get_by_label(name).check()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    content = Path(download.value.path()).read_bytes()
    assert content.startswith(begins)
    assert len(content) > 100
    if name == "JSON":
        assert json.loads(content)["closing_balance"] == 12_345
    else:
        assert account["number"] in download.value.suggested_filename
