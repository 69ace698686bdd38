"""Two applications in one process do not share settings."""

from __future__ import annotations

from collections.abc import Callable

from bankapp import db
from tests.support.factories import Bank


def test_settings_are_those_of_the_innermost_context(
    bank_on: Callable[..., Bank], sqlite_url: str, postgres_url: str
) -> None:
    here, there = bank_on(sqlite_url), bank_on(postgres_url)
    with here.app.app_context():
        made = there.app.app_context()
        assert db.is_sqlite()
        with made:
            assert not db.is_sqlite()
        assert db.is_sqlite()
