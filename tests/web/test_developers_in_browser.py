"""API keys, webhook endpoints and the event log in the browser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.support import clocks
from tests.support.factories import PASSWORD, Bank, Caller, ok, refused
from tests.support.sinks import Reply, Sink
from tests.support.streams import number, stream
from tests.support.webhooks import deliver, deliveries, endpoint, read
from tests.web.conftest import Live
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def live(new_server: Callable[..., Any]) -> Iterator[Live]:
    """A bank that sends webhooks to this machine."""
    with new_server(webhooks_allow_loopback=True) as running:
        yield running


@pytest.fixture
def sink() -> Iterator[Sink]:
    with Sink() as receiver:
        yield receiver


@pytest.fixture
def ada(bank: Bank) -> Caller:
    return bank.customer()


def test_a_key_is_created_used_rolled_and_revoked(visitor: Visitor, page: Page, bank: Bank, ada: Caller) -> None:
    account, other = ada.account(balance=1_234), ada.account("JPY")
    visitor.arrive(ada)
    page.get_by_role("link", name="Developers").click()
    page.get_by_role("link", name="Create a key").click()
    visitor.sees("Create an API key")
    create = page.get_by_role("button", name="Create key")
    page.get_by_label("Name").fill("Payroll")
    page.get_by_label("Your password").fill(PASSWORD)
    create.click()
    expect(page.locator("#scopes-complaint")).to_have_text("Choose at least one.")
    page.get_by_label("accounts:read").check()
    page.get_by_label("events:read").check()
    page.get_by_label(f"Checking account ·· {account['number'][-4:]}").check()
    page.get_by_label("Only from these networks").fill("127.0.0.1\n203.0.113.0/24")
    create.click()
    visitor.sees("Payroll")
    expect(page.locator("#secret-title")).to_be_focused()
    first = page.locator("[data-secret]").inner_text()
    assert page.get_by_role("button", name="Copy secret").get_attribute("data-copy") == first
    server = Caller(bank.app.test_client(), tokens={"access_token": first})
    assert ok(server.get(f"/accounts/{account['id']}"))["balance"] == 1_234
    refused(server.get(f"/accounts/{other['id']}"), 404, "not_found")
    [key] = ok(ada.get("/api-keys"))["items"]
    assert key["ip_allowlist"] == ["127.0.0.1/32", "203.0.113.0/24"]
    page.get_by_role("button", name="I have saved it").click()
    expect(page.locator("[data-secret]")).to_have_count(0)
    page.get_by_label("The old secret counts").select_option(label="No longer: it ends at once")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Make a new secret").click()
    expect(page.locator("#secret-title")).to_be_focused()
    second = page.locator("[data-secret]").inner_text()
    refused(server.get(f"/accounts/{account['id']}"), 401, "api_key_expired")
    server.tokens = {"access_token": second}
    ok(server.get(f"/accounts/{account['id']}"))
    page.get_by_role("button", name="Revoke key").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke key").click()
    visitor.is_told("The key is revoked.")
    expect(visitor.heading()).to_contain_text("Revoked")
    refused(server.get(f"/accounts/{account['id']}"), 401, "api_key_revoked")


@pytest.mark.parametrize("expected_failures", [["422"]])
def test_a_wrong_network_is_told_at_its_field(
    visitor: Visitor, page: Page, ada: Caller, expected_failures: list[str]
) -> None:
    visitor.arrive(ada)
    visitor.go("/app/developers/keys/new")
    page.get_by_label("Name").fill("Payroll")
    page.get_by_label("accounts:read").check()
    networks = page.get_by_label("Only from these networks")
    networks.fill("203.0.113.0/24\nsomewhere")
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Create key").click()
    expect(networks).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#ip_allowlist-complaint")).to_contain_text("Not a network")


def test_an_endpoint_is_added_tested_changed_and_deleted(
    visitor: Visitor, page: Page, bank: Bank, ada: Caller, sink: Sink
) -> None:
    visitor.arrive(ada)
    visitor.go("/app/developers/webhooks/new")
    page.get_by_label("URL").fill(sink.url)
    page.get_by_label("Description").fill("Bookkeeping")
    page.get_by_role("button", name="Add endpoint").click()
    expect(page.locator("#secret-title")).to_be_focused()
    secret = page.locator("[data-secret]").inner_text()
    page.get_by_role("button", name="I have saved it").click()
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#deliveries .badge-pending")).to_have_text("Pending")
    deliver(bank)
    # The page looks for the outcome by itself.
    expect(page.locator("#deliveries .badge-active")).to_have_text("Delivered")
    expect(page.locator("#deliveries")).to_contain_text("Status 204")
    assert sink.messages[0].verify(secret)["type"] == "webhook_endpoint.test"
    page.get_by_role("button", name="Rotate secret").click()
    page.get_by_role("dialog").get_by_role("button", name="Make a new secret").click()
    expect(page.locator("#secret-title")).to_be_focused()
    assert page.locator("[data-secret]").inner_text() != secret
    settings = page.get_by_role("region", name="Settings")
    settings.get_by_text("Only some types").click()
    settings.get_by_label("transaction.created").check()
    settings.get_by_label("Description").fill("")
    settings.get_by_role("button", name="Save").click()
    visitor.is_told("The endpoint is changed.")
    [changed] = ok(ada.get("/webhook-endpoints"))["items"]
    assert (changed["event_types"], changed["description"]) == (["transaction.created"], None)
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete endpoint").click()
    visitor.sees("Developers")
    expect(page.get_by_text("No endpoints yet.")).to_be_visible()


def test_a_delivery_is_shown_and_sent_again(visitor: Visitor, page: Page, bank: Bank, ada: Caller, sink: Sink) -> None:
    made = endpoint(ada, sink.url)
    sink.answer = lambda _: Reply(500, body=b"The <b>books</b> are closed.")
    account = ada.account(balance=500)
    ada.deposit(account, 700)
    while deliver(bank):
        continue
    position = max(item["position"] for item in deliveries(ada, made))
    visitor.arrive(ada)
    visitor.go(f"/app/developers/webhooks/{made['id']}")
    row = page.locator("#deliveries .row", has_text=f"Position {position} ")
    expect(row).to_contain_text("Failed")
    expect(row).to_contain_text("Status 500")
    expect(row).to_contain_text(re.compile(r"\d+ ms"))
    row.get_by_text("Answer", exact=True).click()
    expect(row.locator("pre")).to_have_text("The <b>books</b> are closed.")
    sink.answer = lambda _: Reply(204)
    count = len(sink.messages)
    page.get_by_label("From position").fill(str(position))
    page.get_by_label("Only deliveries that failed").check()
    page.get_by_role("button", name="Send again").click()
    visitor.is_told("One event is sent again.")
    deliver(bank)
    expect(row).to_contain_text("Delivered")
    assert position in [message.event["position"] for message in sink.messages[count:]]
    page.get_by_label("Status").select_option("failed")
    expect(row).to_have_count(0)


def test_a_disabled_endpoint_is_told_on_the_overview_and_enabled_again(
    visitor: Visitor, page: Page, bank: Bank, ada: Caller, sink: Sink
) -> None:
    made = endpoint(ada, sink.url)
    sink.answer = lambda _: Reply(500)
    ada.account()
    deliver(bank)
    with clocks.at(clocks.ago(days=-6)):
        deliver(bank)
    assert read(ada, made)["disabled_reason"] == "failing"
    visitor.arrive(ada)
    note = page.get_by_role("note").filter(has_text="A webhook endpoint is disabled.")
    expect(note).to_contain_text("did not confirm a message for five days")
    note.get_by_role("link", name="Enable it again").click()
    expect(page.get_by_role("note")).to_contain_text("This endpoint is disabled")
    page.get_by_role("button", name="Enable again").click()
    visitor.is_told("The endpoint is enabled.")
    assert read(ada, made)["status"] == "active"
    visitor.go("/app/overview")
    expect(note).to_have_count(0)


def test_the_event_log_is_filtered_and_paged(visitor: Visitor, page: Page, bank: Bank, ada: Caller) -> None:
    account = ada.account()
    for amount in range(1, 23):
        ada.deposit(account, amount)
    newest = stream(bank.app, ada)[-1]
    visitor.arrive(ada)
    number(bank.app)
    visitor.go("/app/developers/events")
    rows = page.locator("#events .row")
    expect(rows).to_have_count(20)
    page.get_by_role("button", name="Show more").click()
    total = ok(ada.get("/events"))["last_position"]
    expect(rows).to_have_count(total)
    page.get_by_label("Type").select_option("transaction.created")
    expect(rows.first).to_contain_text(str(newest["position"]))
    rows.first.get_by_text("Payload").click()
    assert json.loads(rows.first.locator("pre").inner_text()) == newest
    page.get_by_label("Type").select_option("card.issued")
    expect(page.locator("#events")).to_contain_text("No event of this type.")
