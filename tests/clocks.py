"""Other times for what a test does, so that holds grow old and histories long without waiting."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from bankapp import clock


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Let the application believe that it is ``moment``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: moment)
        yield


def ago(**span: float) -> datetime:
    return clock.now() - timedelta(**span)
