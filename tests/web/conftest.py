"""Chromium and a live server. An error in the browser's console fails the test."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.support.databases import application, settings
from tests.support.factories import Bank
from tests.support.listening import listening
from tests.web.visitor import Visitor

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


# htmx logs this for a request that it aborts because another page was requested.
ABORTED = re.compile(r"htmx:(afterRequest|sendAbort), .*|undefined")


LEFT_OUT = pytest.StashKey[int]()


@dataclass
class Live:
    """A listening server and its bank."""

    url: str
    app: Flask
    bank: Bank


@contextmanager
def serving(app: Flask) -> Iterator[Live]:
    with listening(app) as url:
        yield Live(url, app, Bank(app))


@pytest.fixture(scope="session")
def sqlite_database(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], str]:
    """Return a function that makes an empty bank on SQLite and returns its URL."""

    def create() -> str:
        path = tmp_path_factory.mktemp("web") / "bank.sqlite3"
        shutil.copyfile(sqlite_template, path)
        return f"sqlite:///{path}"

    return create


@pytest.fixture(scope="session")
def new_server(sqlite_database: Callable[[], str]) -> Callable[..., Any]:
    """Return a context manager that serves a new bank on SQLite, with the settings of the test."""

    @contextmanager
    def start(**changes: Any) -> Iterator[Live]:
        with application(settings(sqlite_database()).with_changes(**changes)) as app, serving(app) as server:
            yield server

    return start


@pytest.fixture(scope="session")
def live(new_server: Callable[..., Any]) -> Iterator[Live]:
    """The server that the browser tests without special settings share."""
    with new_server() as running:
        yield running


def chromium() -> str | None:
    """Return the path of Chromium: the system's, or the one that playwright installed."""
    with sync_playwright() as playwright:
        brought = playwright.chromium.executable_path
    return shutil.which("chromium") or shutil.which("google-chrome") or (brought if Path(brought).exists() else None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip the browser tests when there is no browser, and report that in one line."""
    driving = [item for item in items if item.get_closest_marker("browser")]
    if not driving or os.environ.get("BROWSER_REQUIRED") == "1" or chromium():
        return
    config.hook.pytest_deselected(items=driving)
    items[:] = [item for item in items if item not in driving]
    config.stash[LEFT_OUT] = len(driving)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if count := config.stash.get(LEFT_OUT, 0):
        terminalreporter.line(f"{count} tests skipped: there is no Chromium to drive (BROWSER_REQUIRED=1 insists).")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = chromium()
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A separate browser window, 1280 px wide."""
    opened = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    opened.set_default_timeout(8_000)
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext, expected_failures: list[str]) -> Iterator[Page]:
    """A page whose console may show only the expected failures."""
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield opened
    unexpected = [text for text in complaints if not any(part in text for part in expected_failures)]
    assert [text for text in unexpected if not ABORTED.fullmatch(text)] == []


@pytest.fixture
def visitor(page: Page, live: Live) -> Visitor:
    return Visitor(page, live.url)


@pytest.fixture
def bank(live: Live) -> Bank:
    """The bank of the live server; its users are made over the API."""
    return live.bank


@pytest.fixture
def expected_failures() -> list[str]:
    """Texts that the console may show: Chromium reports every answer of 400 and above there."""
    return []
