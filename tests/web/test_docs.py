"""``/docs`` in a browser without internet access."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.factories import PASSWORD, unique_email
from tests.web.conftest import Live

pytestmark = pytest.mark.browser


@pytest.fixture
def docs(page: Page, live: Live) -> Iterator[Page]:
    """The page in a browser that reaches only the server; any other request fails the test."""
    strangers: list[str] = []

    def stay_home(route: Route) -> None:
        if route.request.url.startswith((live.url, "data:", "blob:")):
            route.continue_()
        else:
            strangers.append(route.request.url)
            route.abort()

    page.route("**/*", stay_home)
    page.goto(f"{live.url}/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=15_000)
    yield page
    assert not strangers


def test_the_page_lists_every_operation(docs: Page, live: Live) -> None:
    document = httpx.get(f"{live.url}/openapi.json").json()
    operations = sum(
        method in ("get", "post", "put", "patch", "delete") for path in document["paths"].values() for method in path
    )
    expect(docs.locator(".opblock")).to_have_count(operations)
    expect(docs.locator("h1, h2.title")).to_contain_text("bankapp")
    expect(docs.get_by_text("/v1/transfers", exact=True).first).to_be_visible()


def test_a_call_is_made_after_authorizing(docs: Page, live: Live) -> None:
    email = unique_email()
    credentials = {"email": email, "password": PASSWORD}
    assert httpx.post(f"{live.url}/v1/auth/signup", json=credentials).status_code == 201
    token = httpx.post(f"{live.url}/v1/auth/login", json=credentials).json()["access_token"]
    docs.get_by_role("button", name="Authorize").click()
    # The other container is for an API key.
    bearer = docs.locator(".auth-container", has=docs.locator("code", has_text=re.compile("^bearer$")))
    bearer.locator("input").fill(token)
    bearer.get_by_role("button", name="Apply").click()
    bearer.get_by_role("button", name="Close").click()
    me = docs.locator(".opblock", has=docs.get_by_text("/v1/auth/me", exact=True))
    me.locator(".opblock-summary-control").click()
    me.get_by_role("button", name="Try it out").click()
    me.get_by_role("button", name="Execute").click()
    answer = me.locator(".live-responses-table .response")
    expect(answer.locator(".response-col_status")).to_contain_text("200")
    expect(answer).to_contain_text(email)
