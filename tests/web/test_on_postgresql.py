"""A transfer in the browser on PostgreSQL."""

from __future__ import annotations

import uuid

import pytest
from playwright.sync_api import Page, expect

from tests.support.databases import application, settings
from tests.support.postgres import PostgresServer
from tests.web.conftest import serving
from tests.web.visitor import Visitor

pytestmark = pytest.mark.browser


def test_a_transfer_is_shown_to_both_customers_on_postgresql(
    page: Page, postgres: PostgresServer, postgres_template: str
) -> None:
    url = postgres.create_database(f"web_{uuid.uuid4().hex}", template=postgres_template)
    with application(settings(url)) as app, serving(app) as server:
        ada, bob = server.bank.customer(), server.bank.customer()
        account, target = ada.account(balance=10_000), bob.account()
        visitor = Visitor(page, server.url)
        visitor.arrive(ada)
        visitor.send(target["number"], "25.50")
        page.get_by_role("button", name="Send €25.50").click()
        visitor.sees("Money sent")
        visitor.go(f"/app/accounts/{account['id']}")
        expect(page.locator(".account-balance .big")).to_have_text("€74.50")
        visitor.go("/app/sign-in")
        visitor.arrive(bob)
        expect(page.locator(".hero-total")).to_contain_text("€25.50")
        assert (ada.balance(account), bob.balance(target)) == (7_450, 2_550)
