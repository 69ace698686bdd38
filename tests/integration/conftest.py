"""Applications with other settings, on the database of the shared one."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from bankapp import create_app
from bankapp.extensions import db
from tests.conftest import settings
from tests.factories import Bank


@pytest.fixture
def bank_with(app: Flask) -> Iterator[Callable[..., Bank]]:
    """Return a function that opens the same bank once more, with these environment variables."""
    opened: list[Flask] = []

    def open_bank(**environ: str) -> Bank:
        opened.append(create_app(settings(app.config["SQLALCHEMY_DATABASE_URI"], **environ)))
        return Bank(opened[-1])

    yield open_bank
    for application in opened:
        with application.app_context():
            db.engine.dispose()
