"""A history that is right, for tests that damage it."""

from __future__ import annotations

import pytest

from tests.torture.stories import Story


@pytest.fixture
def story() -> Story:
    """Every kind of operation once: with an outcome, refused, repeated, and resent after a lost answer."""
    told = Story()
    told.move("deposit", "a", 1000)
    told.read_history("a")
    told.transfer("a", "b", 300)
    told.reverse(told.transfer("a", "b", 50))
    told.batch([("a", "b", 20), ("b", "a", 10**9), ("a", "b", 30)], refused={1})
    told.read_account("a")
    told.capture(told.hold(100), 40)
    told.void(told.hold(70))
    told.hold(60)
    told.refused("withdrawal", "insufficient_funds")
    told.lost(told.move("withdrawal", "b", 15))
    told.refresh()
    told.read_history("b")
    return told
