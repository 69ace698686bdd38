"""Payees in the browser: the name is verified before money is sent, payees are saved, and a transfer is sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.factories import Bank, Caller, ok
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser

UNKNOWN = "DE92500105175405414040"


def verdict(page: Page) -> Locator:
    return page.locator("[data-verdict]")


def question(page: Page) -> Locator:
    return page.locator("#question")


def press_send(page: Page) -> None:
    page.get_by_role("button", name="Send €10.00").click()


def sent(caller: Caller) -> int:
    return len(ok(caller.get("/transfers"))["items"])


def save(caller: Caller, account_number: str, **more: str) -> dict[str, Any]:
    return ok(caller.post("/payees", {"name": "Ada Lovelace", "account_number": account_number} | more), 201)


def test_a_name_that_matches_asks_nothing(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    ada.account(balance=5_000)
    visitor.arrive(ada)
    visitor.send(bank.customer().account()["number"], "10", name="Lovelace, Ada")
    expect(verdict(page)).to_contain_text("The name matches.")
    press_send(page)
    visitor.sees("Money sent")
    [row] = ok(ada.get("/audit-logs?event_type=transfer"))["items"]
    assert row["metadata"]["payee_verification"] == "match"


def test_a_near_name_is_told_asked_about_and_saved(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada, target = bank.customer(), bank.customer().account()
    ada.account(balance=5_000)
    visitor.arrive(ada)
    visitor.send(target["number"], "10", name="A. Lovelace")
    expect(verdict(page)).to_contain_text("Close match: the account belongs to Ada Lovelace.")
    press_send(page)
    expect(question(page)).to_contain_text(
        "You named \u2068A. Lovelace\u2069. The account belongs to \u2068Ada Lovelace\u2069."
    )
    question(page).get_by_role("button", name="Send").click()
    visitor.sees("Money sent")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Ada Lovelace")
    page.get_by_label("Your name for them").fill("Landlady")
    page.get_by_role("button", name="Save payee").click()
    visitor.is_told("The payee is saved.")
    expect(visitor.heading()).to_be_focused()
    [payee] = ok(ada.get("/payees"))["items"]
    assert (payee["name"], payee["nickname"], payee["account_number"]) == ("Ada Lovelace", "Landlady", target["number"])
    visitor.go("/app/send")
    visitor.sees("Send money")
    expect(page.locator("#to optgroup").first).to_have_attribute("label", "Saved payees")
    page.get_by_label("To", exact=True).select_option(payee["id"])
    expect(page.get_by_label("Account number (IBAN)")).to_be_hidden()
    page.locator("#amount").fill("10")
    page.get_by_role("button", name="Review").click()
    expect(verdict(page)).to_contain_text("The name matches.")
    press_send(page)
    visitor.sees("Money sent")
    expect(page.get_by_role("button", name="Save payee")).to_be_hidden()
    assert sent(ada) == 2


@pytest.mark.parametrize(
    ("number", "texts"),
    [("", ("The name does not match.", "it may be fraud")), (UNKNOWN, ("could not be checked", "may be lost"))],
)
def test_another_name_and_an_unknown_account_are_asked_about(
    visitor: Visitor, page: Page, bank: Bank, number: str, texts: tuple[str, str]
) -> None:
    ada = bank.customer()
    ada.account(balance=5_000)
    visitor.arrive(ada)
    visitor.send(number or bank.customer().account()["number"], "10", name="Grace Hopper")
    expect(verdict(page)).to_contain_text(texts[0])
    press_send(page)
    expect(question(page)).to_contain_text(texts[1])
    page.keyboard.press("Escape")
    expect(question(page)).to_be_hidden()
    expect(page.get_by_role("button", name="Send €10.00")).not_to_have_attribute("aria-disabled", "true")
    assert sent(ada) == 0


@pytest.mark.parametrize("expected_failures", [["503"]])
def test_a_verification_that_fails_is_tried_again_and_then_asked_about(
    visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    ada.account(balance=5_000)
    visitor.arrive(ada)
    asked: list[str] = []

    def fail(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(status=503, json={"title": "Service unavailable", "detail": "Not now.", "code": "unavailable"})

    page.route("**/v1/payee-verifications", fail)
    visitor.send(bank.customer().account()["number"], "10")
    expect(verdict(page)).to_contain_text("could not be checked now. Not now.")
    press_send(page)
    expect(question(page)).to_be_visible()
    assert len(asked) == 2
    question(page).get_by_role("button", name="Send").click()
    visitor.sees("Money sent")


def test_ones_own_account_is_not_verified(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    ada.account(balance=5_000)
    savings = ada.account()
    visitor.arrive(ada)
    visitor.send(savings["number"], "10", name="")
    expect(verdict(page)).to_have_count(0)
    press_send(page)
    visitor.sees("Money sent")
    assert ok(ada.get("/audit-logs?event_type=payee_verification"))["items"] == []


def test_a_payee_needs_a_name(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    ada.account(balance=5_000)
    visitor.arrive(ada)
    visitor.go("/app/send")
    page.get_by_label("Account number (IBAN)").fill(bank.customer().account()["number"])
    page.locator("#amount").fill("10")
    page.get_by_role("button", name="Review").click()
    expect(page.locator("#name-complaint")).to_have_text("Write the name of the person or company.")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()


def test_a_transfer_is_sent_again_from_the_history_and_the_receipt(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada, target = bank.customer(), bank.customer().account()
    source = ada.account(balance=5_000)
    ok(ada.transfer(source, target, 1_250, description="Rent"), 201)
    visitor.arrive(ada)
    page.get_by_role("link", name="Send again: Rent, €12.50").click()
    visitor.sees("Send money")
    expect(page.get_by_label("Account number (IBAN)")).to_have_value(
        " ".join(target["number"][at : at + 4] for at in range(0, 22, 4))
    )
    expect(page.locator("#amount")).to_have_value("12.50")
    expect(page.get_by_label("Description")).to_have_value("Rent")
    payee = save(ada, target["number"])
    visitor.go(f"/app/accounts/{source['id']}")
    page.locator("#history").get_by_role("link", name="Transfer to").click()
    visitor.sees("Transfer sent")
    page.get_by_role("link", name="Receipt").click()
    visitor.sees("Money sent")
    page.get_by_role("link", name="Send again").click()
    visitor.sees("Send money")
    expect(page.get_by_label("To", exact=True)).to_have_value(payee["id"])
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Send €12.50").click()
    visitor.sees("Money sent")
    assert sent(ada) == 2


def test_the_payee_that_was_paid_last_comes_first(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, first, second = ada.account(balance=5_000), bob.account(), bob.account()
    for target, nickname in ((first, "Before"), (second, "Last")):
        save(ada, target["number"], nickname=nickname)
        ok(ada.transfer(source, target, 1), 201)
    save(ada, UNKNOWN, nickname="Never")
    visitor.arrive(ada)
    visitor.go("/app/payees")
    expect(page.locator(".row-title")).to_have_text(["Last", "Before", "Never"])


def test_payees_are_renamed_and_removed(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    payee = save(ada, UNKNOWN, nickname="Landlady")
    visitor.arrive(ada)
    visitor.go("/app/payees")
    visitor.sees("Payees")
    page.locator("summary", has_text="Rename").click()
    page.get_by_label("Name", exact=True).fill("Grace Hopper")
    page.get_by_label("Your name for them").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".row-title")).to_have_text("Grace Hopper")
    changed = ok(ada.get(f"/payees/{payee['id']}"))
    assert (changed["name"], changed["nickname"]) == ("Grace Hopper", None)
    page.get_by_role("button", name="Remove Grace Hopper").click()
    expect(question(page)).to_contain_text("Grace Hopper")
    question(page).get_by_role("button", name="Remove").click()
    expect(page.get_by_role("heading", name="No payees yet")).to_be_visible()
    assert ok(ada.get("/payees"))["items"] == []


def test_a_bank_that_demands_the_verification_takes_the_transfer_of_the_page(
    page: Page, new_server: Callable[..., Any]
) -> None:
    with new_server(payee_verification="required") as strict:
        ada, bob = strict.bank.customer(), strict.bank.customer()
        ada.account(balance=5_000)
        visitor = Visitor(page, strict.url)
        visitor.arrive(ada)
        visitor.send(bob.account()["number"], "10")
        press_send(page)
        visitor.sees("Money sent")
