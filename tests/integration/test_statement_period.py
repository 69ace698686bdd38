"""The period of a statement, and the negotiation of its format."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from bankapp import clock
from bankapp.statement_formats import FORMATS
from tests.support.factories import Bank, Caller, ok, refused


@pytest.fixture(scope="module")
def ada(app: Any) -> Caller:
    return Bank(app).customer()


@pytest.fixture(scope="module")
def path(ada: Caller) -> str:
    return f"/statements/{ada.account(balance=5)['id']}"


def test_the_default_period_is_this_month_up_to_today(ada: Caller, path: str) -> None:
    today = clock.now().date()
    statement = ok(ada.get(path))
    assert (statement["from"], statement["to"]) == (str(today.replace(day=1)), str(today))
    last = today - timedelta(days=40)
    statement = ok(ada.get(f"{path}?to={last}"))
    assert (statement["from"], statement["to"]) == (str(last.replace(day=1)), str(last))
    assert (statement["opening_balance"], statement["closing_balance"], statement["entries"]) == (0, 0, [])


def test_the_last_day_is_included(ada: Caller, path: str) -> None:
    today = clock.now().date()
    for first, last, closing in (
        (today, today, 5),
        (today - timedelta(days=2), today - timedelta(days=1), 0),
        (today + timedelta(days=1), today + timedelta(days=9), 5),
    ):
        statement = ok(ada.get(f"{path}?from={first}&to={last}"))
        assert statement["closing_balance"] == closing
        assert statement["opening_balance"] + statement["total_credits"] - statement["total_debits"] == closing


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-02-02&to=2026-02-01", "from"),
        ("from=2025-01-01&to=2026-01-02", "to"),
        ("from=9999-12-31&to=9999-12-31", "to"),
        ("from=2026-02-29", "from"),
        ("from=0000-01-01", "from"),
        ("to=2026-1-1", "to"),
        ("to=2026-01-01T00:00:00Z", "to"),
        ("to=", "to"),
        ("format=xlsx", "format"),
        ("format=JSON", "format"),
    ],
)
def test_an_invalid_or_too_long_period_is_refused(ada: Caller, path: str, query: str, field: str) -> None:
    assert refused(ada.get(f"{path}?{query}"), 422, "validation_error")["errors"].keys() == {field}


@pytest.mark.parametrize("name", ["json", *FORMATS])
@pytest.mark.parametrize(
    "days", ["from=0001-01-01&to=0001-01-01", "from=9999-12-30&to=9999-12-30", "from=2024-01-01&to=2024-12-31"]
)
def test_the_first_and_last_days_and_a_leap_year_are_accepted(ada: Caller, path: str, days: str, name: str) -> None:
    answer = ada.get(f"{path}?{days}&format={name}")
    assert answer.status_code == 200, answer.data
    assert answer.data


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("text/csv", "text/csv"),
        ("application/pdf;q=0.9, application/xml", "application/xml"),
        ("image/png", "application/json"),
        ("*/*", "application/json"),
        ("", "application/json"),
    ],
)
def test_the_format_follows_the_accept_header(ada: Caller, path: str, accept: str, media_type: str) -> None:
    assert ada.get(path, headers={"Accept": accept}).mimetype == media_type
    assert ada.get(f"{path}?format=csv", headers={"Accept": accept}).mimetype == "text/csv"
