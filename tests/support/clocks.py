"""Another current time for the application, so that tests need not wait, or a clock that is wrong."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo

import pytest
from flask import Flask
from flask_jwt_extended import tokens
from jwt import api_jwt

from bankapp import clock, create_app


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Set the clock of the application to ``moment`` until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: moment)
        yield


def ago(**span: float) -> datetime:
    return clock.now() - timedelta(**span)


def set_off_by(difference: timedelta) -> None:
    """Let the clock of this process be wrong from now on. Must run before the application's modules are imported."""
    read = time.time

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return super().now(tz) + difference

    right = clock.now
    clock.now = lambda: right() + difference
    time.time = lambda: read() + difference.total_seconds()
    for module in (tokens, api_jwt):
        vars(module)["datetime"] = Wrong


def served() -> Flask:
    """Return the application, for gunicorn, with a clock that is off by ``CLOCK_OFF_SECONDS``."""
    set_off_by(timedelta(seconds=int(os.environ["CLOCK_OFF_SECONDS"])))
    return create_app()
