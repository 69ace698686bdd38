"""Reads never go back."""

from __future__ import annotations

import pytest

from tests.torture.stories import Story, rules
from torture.checker.verdict import STALE_READ


@pytest.mark.parametrize("reader", ["read_history", "read_account"])
def test_a_read_that_misses_a_finished_write_is_stale(story: Story, reader: str) -> None:
    early = getattr(story, reader)("a")
    story.move("deposit", "a", 7)
    late = getattr(story, reader)("a")
    assert rules(story) == set()
    late.attempts[0].text = early.attempts[0].text
    assert rules(story) == {STALE_READ}


def test_a_read_that_goes_back_behind_another_read_is_stale(story: Story) -> None:
    early, entry = story.read_history("a"), story.move("deposit", "a", 7)
    story.read_history("a")
    late = story.read_history("a")
    late.attempts[0].text = early.attempts[0].text
    # The deposit's answer arrived last, so only the read before shows how far the account was.
    entry.attempts[0].ended = 10**6
    assert rules(story) == {STALE_READ}


def test_a_read_at_the_same_time_as_a_write_may_miss_it(story: Story) -> None:
    early, entry = story.read_history("a"), story.move("deposit", "a", 7)
    late = story.read_history("a")
    late.attempts[0].text = early.attempts[0].text
    late.attempts[0].ended += 10
    entry.attempts[0].ended = late.attempts[0].started + 5
    assert rules(story) == set()


def test_a_read_that_misses_the_leg_of_a_transfer_is_stale(story: Story) -> None:
    early = story.read_account("b")
    story.transfer("a", "b", 7)
    story.read_account("b").attempts[0].text = early.attempts[0].text
    assert rules(story) == {STALE_READ}
