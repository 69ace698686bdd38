"""A visitor of the pages, with the actions that the tests repeat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.support.factories import PASSWORD, Caller

AXE = Path(__file__).parent / "vendor" / "axe.min.js"
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@dataclass
class Visitor:
    """A user with a page of the server at ``url``."""

    page: Page
    url: str

    def open(self, path: str = "/") -> None:
        """Load a page as if its address had been typed."""
        self.page.goto(self.url + path)
        expect(self.heading()).to_be_visible()

    def sign_in(self, caller: Caller | str, password: str = PASSWORD) -> None:
        """Sign in from the sign-in page."""
        if self.page.url == "about:blank":
            self.open()
        self.page.get_by_label("E-mail").fill(caller if isinstance(caller, str) else caller.email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def arrive(self, caller: Caller) -> None:
        """Sign in and wait for the first page."""
        self.sign_in(caller)
        expect(self.page.locator("#person-email")).to_have_text(caller.email)
        expect(self.heading()).not_to_have_text("Sign in")

    def go(self, path: str) -> None:
        """Follow a link to ``path``, as if the page had one, and wait for the page."""
        with self.page.expect_response(lambda answer: "/pages/" in answer.url):
            self.page.evaluate(
                "path => { const link = document.body.appendChild(document.createElement('a'));"
                " link.href = path; link.click(); link.remove(); }",
                path,
            )
        expect(self.page.locator(".htmx-request")).to_have_count(0)

    def heading(self) -> Locator:
        """The heading of the page."""
        return self.page.locator("main h1")

    def sees(self, text: str) -> None:
        """Wait until the page's heading says ``text``."""
        expect(self.heading()).to_contain_text(text)

    def is_told(self, text: str) -> None:
        """Wait until a notice says ``text``."""
        expect(self.page.get_by_role("status").filter(has_text=text).first).to_be_visible()

    def send(self, to_number: str, amount: str, description: str = "", name: str = "Ada Lovelace") -> None:
        """Fill the form that sends money to an IBAN in, up to the review."""
        self.go("/app/send")
        self.sees("Send money")
        self.page.get_by_label("To", exact=True).select_option("iban")
        self.page.get_by_label("Name", exact=True).fill(name)
        self.page.get_by_label("Account number (IBAN)").fill(to_number)
        self.page.locator("#amount").fill(amount)
        self.page.get_by_label("Description").fill(description)
        self.page.get_by_role("button", name="Review").click()
        expect(self.page.get_by_role("heading", name="Is this right?")).to_be_focused()

    def faults(self) -> list[str]:
        """Run axe on the page; return the serious findings with their places."""
        self.page.evaluate(AXE.read_text())
        # In dark mode only the colours differ.
        dark = self.page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        rules = ["color-contrast"] if dark else list(RULES)
        found: dict[str, Any] = self.page.evaluate(
            "rules => axe.run(document, {runOnly: rules, resultTypes: ['violations']})", rules
        )
        assert found["passes"], "axe found nothing to look at"
        return [
            f"{fault['id']}: {node['html'][:160]} {node['failureSummary']}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]
