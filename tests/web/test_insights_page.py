"""The page Insights: this month against the last, and bars that open their movements."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from flask import Flask

from tests.integration.test_category_rules import buy, rule
from tests.support import clocks
from tests.support.factories import Bank, Caller, ok
from tests.web.test_pages import page


@pytest.fixture
def bank(app: Flask) -> Bank:
    """A bank on each database; replaces the fixture of the browser tests, which share a live server."""
    return Bank(app)


Cells = list[tuple[str, str | None]]


def rows(text: str) -> dict[str, Cells]:
    """Return the rows of the tables: for each name the amounts, each with the address of its movements."""
    found: dict[str, Cells] = {}
    for row in text.split('<th scope="row">')[1:]:
        cells = re.findall(r"<td>(.*?)</td>", row.split("</tr>")[0], re.DOTALL)
        addresses = [re.search(r'href="([^"]*)"', cell) for cell in cells]
        amounts = [re.sub(r"<[^>]*>|\s", "", cell) for cell in cells]
        found[row.split("<")[0]] = [
            (amount, html.unescape(address[1]) if address else None)
            for amount, address in zip(amounts, addresses, strict=True)
        ]
    return found


def amounts(cells: Cells) -> list[str]:
    return [amount for amount, _ in cells]


def opened(caller: Caller, address: str | None) -> int:
    """Return how many movements an address shows."""
    assert address is not None
    path, _, query = address.removeprefix("/app/").partition("?")
    return page(caller, path, **dict(parse_qsl(query))).count('class="row"')


def test_this_month_is_shown_beside_the_last(bank: Bank) -> None:
    ada = bank.customer()
    this_month = clocks.ago(days=0).replace(day=1, hour=12)
    last_month = this_month - timedelta(days=3)
    with clocks.at(last_month):
        account = ada.account(balance=100_000)
        buy(ada, account, "Café Müller", 2_000)
        buy(ada, account, "Corner Bookshop", 300)
    with clocks.at(this_month):
        buy(ada, account, "Café Müller", 1_000)
        ok(ada.transfer(account, ada.account(type="savings"), 500), 201)
    rule(ada, "eating_out", words="cafe")
    text = page(ada, "insights")
    found = rows(text)
    assert list(found)[:2] == ["Eating out", "Shopping"]
    assert amounts(found["Eating out"]) == ["€10.00", "€20.00"]
    assert amounts(found["Shopping"]) == ["€0.00", "€3.00"]
    assert amounts(found[f"{this_month:%B %Y}"]) == ["€10.00", "€0.00"]
    assert amounts(found[f"{last_month:%B %Y}"]) == ["€23.00", "€1,000.00"]
    assert len(found) == 2 + 6
    assert "Transfers" not in found
    # The largest amount of both months has the whole width.
    assert re.findall(r'<rect class="bar-\w+"(?: y="10")? width="([0-9.]+)"', text)[:2] == ["50.0", "100.0"]
    assert [opened(ada, address) for _, address in found["Eating out"]] == [1, 1]
    assert found["Shopping"][0] == ("€0.00", None)
    assert opened(ada, found[f"{last_month:%B %Y}"][0][1]) == 3
    # Each bar has the link of its amount.
    for address in (address for cells in found.values() for _, address in cells if address):
        assert text.count(f'href="{html.escape(address)}"') >= 2


def test_a_currency_is_chosen(bank: Bank) -> None:
    ada = bank.customer()
    yen = ada.account("JPY", 700)
    ok(ada.move(yen, 200, "withdrawal"), 201)
    ada.account("JPY")
    ada.account("EUR", 100)
    text = page(ada, "insights")
    assert amounts(rows(text)["Cash"]) == ["¥200", "¥0"]
    assert text.index('href="/app/insights?currency=JPY" aria-current="true"') < text.index("currency=EUR")
    assert "Nothing was spent" in page(ada, "insights", currency="EUR")
    page(ada, "insights", 404, currency="USD")


def test_without_an_account_the_page_says_what_to_do(bank: Bank) -> None:
    assert "Open an account" in page(bank.customer(), "insights")
