"""A history that is right passes; what proves nothing is unknown."""

from __future__ import annotations

import pytest

from tests.torture.stories import Story, rules
from torture.checker import check
from torture.checker.verdict import FAIL, PASS, UNKNOWN, VERIFICATION


def test_a_history_that_is_right_passes(story: Story) -> None:
    verdict = check(story.entries, story.observation)
    assert (verdict.outcome, list(verdict.findings), list(verdict.gaps)) == (PASS, [], [])


def test_faults_that_the_service_finds_itself_are_findings(story: Story) -> None:
    story.observation.faults.append("flask ledger verify: a fault")
    assert rules(story) == {VERIFICATION}


def test_an_observation_with_a_gap_proves_nothing(story: Story) -> None:
    story.observation.transfers.clear()
    story.observation.gaps.append("GET /transfers: 503")
    verdict = check(story.entries, story.observation)
    assert (verdict.outcome, list(verdict.findings), list(verdict.gaps)) == (UNKNOWN, [], ["GET /transfers: 503"])


@pytest.mark.parametrize("kind", ["deposit", "refresh"])
def test_an_operation_that_stayed_unknown_proves_nothing(story: Story, kind: str) -> None:
    added = story.move("deposit", "a", 5) if kind == "deposit" else story.refresh()
    attempt = added.attempts[0]
    attempt.outcome = "info"
    verdict = check(story.entries, story.observation)
    assert (verdict.outcome, list(verdict.findings)) == (UNKNOWN, [])
    assert list(verdict.gaps) == [f"the outcome of {added.operation.id} stayed unknown"]


def test_a_history_without_an_answer_proves_nothing() -> None:
    assert check([], Story().observation).outcome == UNKNOWN


def test_a_gap_of_the_run_is_unknown_and_a_finding_beside_it_fails(story: Story) -> None:
    assert check(story.entries, story.observation, ["worker-kill was effective 0 times of 1"]).outcome == UNKNOWN
    story.observation.transfers.pop()
    assert check(story.entries, story.observation, ["worker-kill was effective 0 times of 1"]).outcome == FAIL
