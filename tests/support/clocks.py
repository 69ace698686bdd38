"""Another current time for the application, so that tests need not wait, or a clock that is wrong."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo

import pytest
from flask_jwt_extended import tokens
from jwt import api_jwt

from bankapp import clock


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
