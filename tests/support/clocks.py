"""Another current time for the application, so that tests need not wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from bankapp import clock


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Set the clock of the application to ``moment`` until the block ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock, "now", lambda: moment)
        yield


def ago(**span: float) -> datetime:
    return clock.now() - timedelta(**span)
