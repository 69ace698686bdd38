"""Transfers in the browser: double clicks and lost answers move money once, and the keyboard suffices."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.factories import PASSWORD, Bank, Caller, ok
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser


def transfers(caller: Caller) -> list[dict[str, object]]:
    return list(ok(caller.get("/transfers"))["items"])


def test_a_transfer_from_sign_in_to_receipt(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    source, target = ada.account(balance=10_000), bob.account()
    visitor.arrive(ada)
    page.locator("main").get_by_role("link", name="Send").click()
    visitor.sees("Send money")
    page.get_by_label("Name", exact=True).fill("Ada Lovelace")
    number = page.get_by_label("Account number (IBAN)")
    number.press_sequentially(target["number"])
    expect(page.locator("[data-iban-verdict]")).to_have_text("The check digits are right.")
    expect(number).to_have_value(re.compile(r"^DE\d\d \d{4} "))
    page.locator("#amount").fill("25,50")
    page.get_by_label("Description").fill("Rent")
    page.get_by_label("Reference").fill("INV_0117")
    page.get_by_role("button", name="Review").click()
    expect(page.locator("#reference-complaint")).to_contain_text("Must have only letters")
    page.get_by_label("Reference").fill(" INV-0117 ")
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name="Send €25.50").click()
    visitor.sees("Money sent")
    visitor.is_told("The money is sent.")
    [transfer] = transfers(bob)
    assert (transfer["amount"], transfer["description"], transfer["reference"]) == (2_550, "Rent", "INV-0117")
    for text in ("Ada Lovelace", "INV-0117"):
        expect(page.locator("dl.facts")).to_contain_text(text)
    expect(page.locator("[data-receipt-id]")).to_have_text(str(transfer["id"]))
    assert ada.balance(source) == 7_450
    visitor.go(f"/app/accounts/{source['id']}")
    line = page.locator("#history .row").first
    expect(line).to_contain_text("Transfer to Ada Lovelace")
    expect(line).to_contain_text("Rent · INV-0117")


def test_a_mistyped_number_shows_its_error_while_typing(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    number = ada.account(balance=100)["number"]
    swapped = number[:-1] + str((int(number[-1]) + 1) % 10)
    visitor.arrive(ada)
    visitor.go("/app/send")
    field = page.get_by_label("Account number (IBAN)")
    field.press_sequentially(swapped)
    expect(page.locator("[data-iban-verdict]")).to_contain_text("The check digits are wrong.")
    page.locator("#amount").fill("1.005")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_text("Not a valid IBAN.")).to_be_visible()
    expect(page.get_by_text("Write the amount like 12.34.")).to_be_visible()
    expect(field).to_be_focused()


def test_amounts_take_the_decimals_of_the_account(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    yen, dinar = ada.account("JPY", 5_000), ada.account("KWD", 5_000)
    visitor.arrive(ada)
    visitor.go(f"/app/cash?account={yen['id']}")
    amount = page.locator("#amount")
    expect(amount).to_have_attribute("placeholder", "0")
    amount.fill("1.5")
    expect(page.locator("#amount-complaint")).to_have_text("JPY has no decimals.")
    page.get_by_label("Account", exact=True).select_option(dinar["id"])
    expect(amount).to_have_attribute("placeholder", "0.000")
    page.get_by_label("Withdraw", exact=True).check()
    amount.fill("1.234")
    page.get_by_role("button", name="Review").click()
    page.get_by_role("button", name=re.compile("Withdraw KWD.1.234")).click()
    visitor.sees("Checking account")
    assert ada.balance(dinar) == 3_766


def test_a_double_click_moves_money_once(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    source, target = ada.account(balance=10_000), ada.account()
    visitor.arrive(ada)
    visitor.send(target["number"], "10")
    page.get_by_role("button", name="Send €10.00").dblclick()
    visitor.sees("Money sent")
    assert len(transfers(ada)) == 1
    assert ada.balance(source) == 9_000


@pytest.mark.parametrize("expected_failures", [["ERR_FAILED", "ERR_INTERNET_DISCONNECTED"]])
def test_a_lost_answer_is_retried_with_the_same_key(
    visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    source, target = ada.account(balance=10_000), ada.account()
    visitor.arrive(ada)
    visitor.send(target["number"], "10")
    keys: list[str] = []

    def lose_the_first_answer(route: Route) -> None:
        keys.append(route.request.headers["idempotency-key"])
        if len(keys) == 1:
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/v1/transfers", lose_the_first_answer)
    page.get_by_role("button", name="Send €10.00").click()
    expect(page.get_by_role("alert").filter(has_text="carried out only once")).to_be_visible()
    visitor.sees("Money sent")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    assert ada.balance(source) == 9_000
    assert len(transfers(ada)) == 1


@pytest.mark.parametrize("expected_failures", [["ERR_INTERNET_DISCONNECTED"]])
def test_offline_shows_a_notice_and_the_next_attempt_uses_the_same_key(
    visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    source, target = ada.account(balance=10_000), ada.account()
    page.clock.install()
    visitor.arrive(ada)
    visitor.send(target["number"], "10")
    keys: list[str] = []
    page.on("request", lambda sent: keys.append(sent.headers.get("idempotency-key", "")))
    page.context.set_offline(True)
    button = page.get_by_role("button", name="Send €10.00")
    button.click()
    notice = page.get_by_role("alert").filter(has_text="No connection")
    for _ in range(12):
        page.clock.fast_forward("00:05")
        if notice.is_visible():
            break
    expect(notice).to_contain_text("carried out only once")
    page.context.set_offline(False)
    button.click()
    visitor.sees("Money sent")
    assert len({key for key in keys if key}) == 1
    assert ada.balance(source) == 9_000


@pytest.mark.parametrize("expected_failures", [["422"]])
def test_a_refusal_shows_the_request_id_and_the_next_attempt_has_a_new_key(
    visitor: Visitor, page: Page, bank: Bank, expected_failures: list[str]
) -> None:
    ada = bank.customer()
    source, target = ada.account(balance=1_000), ada.account()
    visitor.arrive(ada)
    visitor.send(target["number"], "10")
    ok(ada.move(source, 500, "withdrawal"), 201)
    button = page.get_by_role("button", name="Send €10.00")
    button.click()
    alert = page.get_by_role("alert").filter(has_text="Insufficient funds")
    expect(alert).to_contain_text("Request id")
    ada.deposit(source, 500)
    button.click()
    visitor.sees("Money sent")


def test_a_transfer_by_keyboard_only(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada, bob = bank.customer(), bank.customer()
    ada.account(balance=10_000)
    target = bob.account()
    visitor.open()
    keys = page.keyboard

    def tab_to(name: str) -> None:
        for _ in range(40):
            keys.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id").startswith(name):
                return
        raise AssertionError(f"the Tab key does not lead to {name}")

    tab_to("email")
    keys.type(ada.email)
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    expect(page.locator(".hero")).to_be_visible()
    expect(visitor.heading()).to_be_focused()
    tab_to("Send")
    keys.press("Enter")
    visitor.sees("Send money")
    tab_to("name")
    keys.type("Ada Lovelace")
    keys.press("Tab")
    keys.type(target["number"])
    tab_to("amount")
    keys.type("3.20")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="Is this right?")).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    visitor.sees("Money sent")
    expect(visitor.heading()).to_be_focused()
    assert bob.balance(target) == 320


def test_the_back_button_makes_no_second_transfer(visitor: Visitor, page: Page, bank: Bank) -> None:
    ada = bank.customer()
    account = ada.account(balance=10_000)
    visitor.arrive(ada)
    page.get_by_role("link", name="Checking account").click()
    visitor.sees("Checking account")
    assert page.url.endswith(f"/app/accounts/{account['id']}")
    visitor.send(ada.account()["number"], "1")
    page.get_by_role("button", name="Send €1.00").click()
    visitor.sees("Money sent")
    page.go_back()
    visitor.sees("Checking account")
    expect(page.locator(".account-balance .big")).to_have_text("€99.00")
    page.go_back()
    expect(page.locator(".hero")).to_be_visible()
    page.go_forward()
    visitor.sees("Checking account")
    assert len(transfers(ada)) == 1
