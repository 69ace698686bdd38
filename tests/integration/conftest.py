"""Applications with other settings on the database of the shared application."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.support.factories import Bank


@pytest.fixture
def bank_with(app: Flask, make_app: Callable[..., Flask]) -> Callable[..., Bank]:
    """Return a function that makes another application on the same database, with these environment variables."""
    return lambda **environ: Bank(make_app(app.config["SQLALCHEMY_DATABASE_URI"], **environ))
