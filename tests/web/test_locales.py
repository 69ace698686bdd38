"""Dates and numbers of the pages follow the browser's locale."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect

from bankapp.web import amounts, display, locales
from tests.web.conftest import Live
from tests.web.visitor import Visitor

NBSP = "\N{NO-BREAK SPACE}"
DAY = date(2026, 11, 24)


@pytest.fixture
def application() -> Flask:
    return Flask("pages")


@pytest.mark.parametrize(
    ("header", "money", "day", "moment"),
    [
        ("", "€1,234,567.89", "24 November 2026", "24 Nov 2026, 09:30 UTC"),
        ("en-US,en;q=0.9", "€1,234,567.89", "November 24, 2026", "Nov 24, 2026, 09:30 UTC"),
        ("en-IN", "€12,34,567.89", "24 November 2026", "24 Nov 2026, 09:30 UTC"),
        ("de-DE,de;q=0.9,en;q=0.8", "1.234.567,89 €", "24. November 2026", "24.11.2026, 09:30 UTC"),
        ("de-ch", "1.234.567,89 €", "24. November 2026", "24.11.2026, 09:30 UTC"),
        ("fr", "1\u202f234\u202f567,89 €", "24 novembre 2026", "24 nov. 2026, 09:30 UTC"),
        ("sv-SE", "1 234 567,89 €", "24 november 2026", "24 nov. 2026, 09:30 UTC"),
        ("ja", "€1,234,567.89", "2026年11月24日", "2026/11/24, 09:30 UTC"),
        (
            "ar, tlh;q=0.9, pt-PT;q=0.5",
            "€ 1.234.567,89",
            "24 de novembro de 2026",
            "24 de nov. de 2026, 09:30 UTC",
        ),
        ("x" * 5_000, "€1,234,567.89", "24 November 2026", "24 Nov 2026, 09:30 UTC"),
        (";q=;,,*", "€1,234,567.89", "24 November 2026", "24 Nov 2026, 09:30 UTC"),
    ],
)
def test_money_and_dates_in_the_locale_of_the_browser(
    application: Flask, header: str, money: str, day: str, moment: str
) -> None:
    with application.test_request_context(headers={"Accept-Language": header}):
        assert display.money_text(123_456_789, "EUR").replace(NBSP, " ") == money
        assert display.money_text(-123_456_789, "EUR").replace(NBSP, " ") == f"−{money}"
        assert display.day(DAY) == day
        assert display.moment(datetime(2026, 11, 24, 9, 30, tzinfo=UTC)) == moment


def test_months_are_named_in_the_locale_of_the_browser(application: Flask) -> None:
    for header, month, name in (("en", "November 2026", "November"), ("pl", "listopad 2026", "listopad")):
        with application.test_request_context(headers={"Accept-Language": header}):
            assert (display.month(DAY), display.month_name(DAY)) == (month, name)


def test_currencies_without_a_symbol_of_their_own_show_their_code(application: Flask) -> None:
    with application.test_request_context(headers={"Accept-Language": "en"}):
        assert display.money_text(1_234_567, "KWD") == f"KWD{NBSP}1,234.567"
    with application.test_request_context(headers={"Accept-Language": "de"}):
        assert display.money_text(1_234_567, "KWD") == f"1.234,567{NBSP}KWD"
        assert display.money_text(1_234, "JPY") == f"1.234{NBSP}¥"


@pytest.mark.parametrize("name", locales.KNOWN)
def test_what_a_page_shows_can_be_typed(application: Flask, name: str) -> None:
    with application.test_request_context(headers={"Accept-Language": name.replace("_", "-")}):
        for amount in (5, 1_234, 123_456, 123_456_789):
            parts = display.money_parts(amount, "EUR")
            assert amounts.parse(parts.whole + parts.decimals, "EUR") == amount
            assert amounts.parse(amounts.localized(amount, "EUR"), "EUR") == amount


@pytest.mark.browser
def test_a_german_browser_sends_money(browser: Browser, live: Live) -> None:
    ada, other = live.bank.customer(), live.bank.customer()
    account, target = ada.account(balance=500_000), other.account()
    opened = browser.new_context(locale="de-DE", reduced_motion="reduce")
    opened.set_default_timeout(8_000)
    visitor = Visitor(opened.new_page(), live.url)
    visitor.arrive(ada)
    visitor.go(f"/app/send?from={account['id']}")
    page = visitor.page
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    page.get_by_label("Account number (IBAN)").fill(target["number"])
    expect(page.locator("#amount")).to_have_attribute("placeholder", "0,00")
    page.locator("#amount").fill("1.234,50")
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Send 1.234,50 €").click()
    visitor.sees("Money sent")
    opened.close()
    assert ada.balance(account) == 376_550
