"""Open pages follow what happens elsewhere: balances and movements change by themselves, and a notice tells."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect

from tests.faults.production import production
from tests.support.databases import application, settings
from tests.support.event_streams import sequencer
from tests.support.factories import Caller, ok
from tests.support.servers import RemoteBank
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser

STREAM = "**/v1/events/stream*"


@pytest.fixture(scope="module")
def bank(sqlite_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[RemoteBank]:
    """A bank behind the server that lets streams wait, with its sequencer."""
    url = sqlite_database()
    folder: Path = tmp_path_factory.mktemp("server")
    few = {"WEB_CONCURRENCY": "1", "WEB_THREADS": "2"}
    with application(settings(url)) as app, production(url, folder, **few) as server, sequencer(app):
        yield RemoteBank(app, server)


@pytest.fixture
def visitor(page: Page, bank: RemoteBank) -> Visitor:
    return Visitor(page, bank.server.url)


@pytest.fixture
def window(browser: Browser, bank: RemoteBank) -> Iterator[Visitor]:
    """Another window, of a phone."""
    opened = browser.new_context(viewport={"width": 390, "height": 700}, reduced_motion="reduce")
    opened.set_default_timeout(8_000)
    yield Visitor(opened.new_page(), bank.server.url)
    opened.close()


def arrive(visitor: Visitor, caller: Caller) -> None:
    """Sign in and wait for the stream of the page."""
    with visitor.page.expect_response(STREAM) as begun:
        visitor.arrive(caller)
    assert begun.value.status == 200


def test_a_transfer_in_one_window_changes_the_other(visitor: Visitor, window: Visitor, bank: RemoteBank) -> None:
    ada, bob = bank.customer(), bank.customer()
    account, target = ada.account(balance=10_000), bob.account()
    arrive(visitor, ada)
    visitor.page.evaluate(
        "window.told = []; new MutationObserver(changes => changes.forEach(({ addedNodes }) =>"
        " told.push(...[...addedNodes].map(node => node.textContent)))).observe(toasts, { childList: true })"
    )
    arrive(window, ada)
    window.go(f"/app/accounts/{account['id']}")
    visitor.send(target["number"], "25.50")
    visitor.page.get_by_role("button", name="Send €25.50").click()
    visitor.sees("Money sent")
    expect(window.page.locator("#balance .big")).to_have_text("€74.50")
    expect(window.page.locator("#newest .row")).to_have_count(2)
    window.is_told(f"€25.50 paid from checking account ·· {account['number'][-4:]}")
    # The window of the transfer shows its receipt, and the notice would say the same again.
    visitor.go("/app/overview")
    expect(visitor.page.locator(".hero-total")).to_contain_text("€74.50")
    ada.deposit(account, 1_000)
    expect(visitor.page.locator(".hero-total")).to_contain_text("€84.50")
    visitor.is_told("€10.00 received on checking account")
    assert not [text for text in visitor.page.evaluate("window.told") if "paid from" in text]


def test_the_first_movement_appears_on_the_empty_page(window: Visitor, bank: RemoteBank) -> None:
    ada = bank.customer()
    account = ada.account()
    arrive(window, ada)
    window.go("/app/movements")
    expect(window.page.get_by_role("link", name="Make a deposit")).to_be_visible()
    ada.deposit(account, 1_234)
    expect(window.page.locator("#newest .row")).to_contain_text("€12.34")


def test_focus_scroll_and_typed_text_stay(window: Visitor, bank: RemoteBank) -> None:
    ada = bank.customer()
    account = ada.account()
    ada.deposit(account, 171)
    arrive(window, ada)
    page = window.page
    window.go(f"/app/accounts/{account['id']}")
    page.get_by_text("Filter", exact=True).click()
    least = page.get_by_label("At least")
    least.press_sequentially("12")
    place = page.evaluate("document.activeElement.getBoundingClientRect().top")
    ada.deposit(account, 100_000)
    expect(page.locator("#balance .big")).to_have_text("€1,001.71")
    expect(page.locator("#newest .row").first).to_contain_text("€1,000.00")
    expect(least).to_be_focused()
    expect(least).to_have_value("12")
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") == place
    window.go("/app/send")
    page.get_by_label("Description").fill("Rent")
    page.locator("#amount").press_sequentially("1")
    ada.deposit(account, 5)
    window.is_told("€0.05 received")
    page.locator("#amount").press_sequentially("2")
    expect(page.locator("#amount")).to_have_value("12")
    expect(page.get_by_label("Description")).to_have_value("Rent")


def test_older_rows_that_were_added_stay(visitor: Visitor, page: Page, bank: RemoteBank) -> None:
    ada = bank.customer()
    account = ada.account()
    for _ in range(16):
        ada.deposit(account, 1)
    arrive(visitor, ada)
    visitor.go(f"/app/accounts/{account['id']}")
    page.get_by_role("button", name="Show more").click()
    expect(page.locator("#newest .row")).to_have_count(16)
    ada.deposit(account, 1)
    expect(page.locator("#balance .big")).to_have_text("€0.17")
    expect(page.locator("#newest .row")).to_have_count(16)


def test_a_row_keeps_the_focus_while_a_newer_one_comes(visitor: Visitor, page: Page, bank: RemoteBank) -> None:
    ada = bank.customer()
    account = ada.account(balance=1_000)
    ok(ada.transfer(account, bank.customer().account(), 100, description="Rent"), 201)
    arrive(visitor, ada)
    rent = page.locator("#overview").get_by_role("link", name="Rent")
    rent.focus()
    ada.deposit(account, 5_000)
    expect(page.locator(".hero-total")).to_contain_text("€59.00")
    expect(rent).to_be_focused()


def test_sign_out_ends_the_stream(visitor: Visitor, page: Page, bank: RemoteBank) -> None:
    ada = bank.customer()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/events/stream" in request.url else None)
    arrive(visitor, ada)
    page.locator("#person-button").click()

    def is_stream(request: Request) -> bool:
        return "/events/stream" in request.url

    with page.expect_event("requestfailed", is_stream):
        page.get_by_role("button", name="Sign out", exact=True).click()
    visitor.sees("Sign in")
    assert len(asked) == 1


@pytest.mark.parametrize("expected_failures", [["401"]])
def test_a_session_that_ends_elsewhere_ends_on_the_page(
    visitor: Visitor, page: Page, bank: RemoteBank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    arrive(visitor, ada)
    ok(ada.delete("/auth/sessions"), 204)
    # The stream learns of it with the next event.
    bob = bank.customer()
    ok(bob.transfer(bob.account(balance=5), bank.signed_in(ada.email).account(), 5), 201)
    visitor.sees("Sign in")
    expect(page.locator("#why-here")).to_contain_text("Your session has ended")


@pytest.mark.parametrize("expected_failures", [["503"]])
def test_a_full_server_is_asked_again_and_nothing_is_missed(
    visitor: Visitor, page: Page, bank: RemoteBank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    account = ada.account(balance=100)
    refused: list[str] = []

    def refuse(route: Route) -> None:
        if refused:
            route.continue_()
            return
        refused.append(route.request.url)
        route.fulfill(status=503, headers={"Retry-After": "1"}, json={"code": "unavailable", "detail": "Full."})

    page.route(STREAM, refuse)
    visitor.arrive(ada)
    expect(page.locator(".hero-total")).to_contain_text("€1.00")
    assert refused
    # The page was fetched before the deposit, and the stream begins after it.
    ada.deposit(account, 200)
    expect(page.locator(".hero-total")).to_contain_text("€3.00", timeout=15_000)


@pytest.mark.parametrize("expected_failures", [["ERR_INTERNET_DISCONNECTED"]])
def test_a_lost_connection_goes_on_after_the_last_event(
    visitor: Visitor, page: Page, bank: RemoteBank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    account = ada.account(balance=100)
    arrive(visitor, ada)
    page.context.set_offline(True)
    ada.deposit(account, 200)
    page.context.set_offline(False)
    expect(page.locator(".hero-total")).to_contain_text("€3.00")


def test_a_page_that_is_hidden_gives_its_stream_back(page: Page, bank: RemoteBank) -> None:
    page.clock.install()
    visitor = Visitor(page, bank.server.url)
    ada = bank.customer()
    account = ada.account(balance=100)
    arrive(visitor, ada)

    def hide(is_hidden: bool) -> None:
        page.evaluate(
            "is => { Object.defineProperty(document, 'hidden', { value: is, configurable: true });"
            " document.dispatchEvent(new Event('visibilitychange')); }",
            is_hidden,
        )

    hide(True)
    with page.expect_event("requestfailed", lambda request: "/events/stream" in request.url):
        page.clock.fast_forward("01:01")
    ada.deposit(account, 200)
    with page.expect_request(STREAM) as again:
        hide(False)
    assert "last-event-id" in again.value.headers
    expect(page.locator(".hero-total")).to_contain_text("€3.00")


@pytest.mark.parametrize("expected_failures", [["503"]])
def test_a_page_that_could_not_be_fetched_is_fetched_later(
    visitor: Visitor, page: Page, bank: RemoteBank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    account = ada.account(balance=100)
    arrive(visitor, ada)
    expect(page.locator(".hero-total")).to_contain_text("€1.00")
    page.route("**/pages/overview", lambda route: route.fulfill(status=503, json={}))
    ada.deposit(account, 200)
    # The notice is fetched together with the page.
    visitor.is_told("€2.00 received")
    expect(page.locator(".hero-total")).to_contain_text("€1.00")
    page.unroute("**/pages/overview")
    expect(page.locator(".hero-total")).to_contain_text("€3.00", timeout=15_000)


def test_a_renewed_token_goes_on_after_the_last_event(visitor: Visitor, page: Page, bank: RemoteBank) -> None:
    ada = bank.customer()
    account = ada.account(balance=100)
    arrive(visitor, ada)
    ada.deposit(account, 100)
    expect(page.locator(".hero-total")).to_contain_text("€2.00")
    with page.expect_request(STREAM) as again:
        page.get_by_role("button", name="Renew", exact=True).click()
    assert int(again.value.headers["last-event-id"]) > 0
    ada.deposit(account, 100)
    expect(page.locator(".hero-total")).to_contain_text("€3.00")


def test_a_stream_keeps_no_idle_session_alive(page: Page, bank: RemoteBank) -> None:
    page.clock.install()
    visitor = Visitor(page, bank.server.url)
    ada = bank.customer()
    account = ada.account(balance=100)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    arrive(visitor, ada)
    page.clock.fast_forward("09:10")
    expect(page.get_by_role("dialog", name="Are you still there?")).to_be_visible()
    page.keyboard.press("Escape")
    page.clock.fast_forward("01:00")
    asked.clear()
    ada.deposit(account, 100)
    page.clock.fast_forward("05:00")
    expect(page.locator("#time-left")).to_have_text("0:00")
    expect(page.locator("#ending")).to_be_hidden()
    assert [url for url in asked if "/refresh" in url] == []
