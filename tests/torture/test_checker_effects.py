"""What is lost, doubled, changed or unexplained, and refusals that had an effect."""

from __future__ import annotations

import pytest

from tests.torture.stories import Story, of, rules
from torture.checker.verdict import APPLIED_REFUSAL, BALANCE, CHANGED, DOUBLED, LOST, ONE_SIDED, TOTAL, UNEXPLAINED


def test_a_deposit_that_is_not_there_is_lost(story: Story) -> None:
    [row] = [row for row in story.observation.transactions["a"] if row["type"] == "deposit"]
    story.observation.transactions["a"].remove(row)
    assert LOST in rules(story)


@pytest.mark.parametrize("kind", ["transfer", "reversal"])
def test_a_transfer_that_is_not_there_is_lost(story: Story, kind: str) -> None:
    transfer_id = of(story, kind).answer.body["id"]
    story.observation.transfers[:] = [row for row in story.observation.transfers if row["id"] != transfer_id]
    assert rules(story) == {LOST, ONE_SIDED}


def test_a_transfer_of_a_batch_that_is_not_there_is_lost(story: Story) -> None:
    mark = of(story, "batch").operation.id + "/2"
    story.observation.transfers[:] = [row for row in story.observation.transfers if row["description"] != mark]
    assert rules(story) == {LOST, ONE_SIDED}


def test_a_hold_that_is_not_there_is_lost(story: Story) -> None:
    story.observation.authorizations.pop()
    assert rules(story) == {LOST, BALANCE}


@pytest.mark.parametrize(("kind", "number"), [("capture", 0), ("void", 1)])
def test_a_hold_that_did_not_end_lost_its_capture_or_void(story: Story, kind: str, number: int) -> None:
    hold = story.authorization(of(story, "authorization", number))
    hold["status"] = "pending"
    assert LOST in rules(story)


def test_a_second_deposit_of_the_same_operation_is_doubled(story: Story) -> None:
    operation = of(story, "deposit").operation
    story._leg("deposit", "a", 1000, operation.id)
    assert rules(story) == {DOUBLED, TOTAL}


def test_a_second_transfer_of_the_same_operation_is_doubled(story: Story) -> None:
    story._transfer("a", "b", 300, of(story, "transfer").operation.id)
    assert rules(story) == {DOUBLED}


def test_two_captures_of_one_hold_are_doubled(story: Story) -> None:
    first = of(story, "capture")
    second = story._operation("capture", first.operation.path, first.operation.body)
    story.done(second, first.answer.body, "card_capture")
    assert rules(story) == {DOUBLED, TOTAL}


def test_two_effects_of_an_operation_without_an_answer_are_doubled(story: Story) -> None:
    entry = of(story, "withdrawal", 1)
    entry.attempts.pop()
    assert DOUBLED not in rules(story)
    story._leg("withdrawal", "b", -15, entry.operation.id)
    assert DOUBLED in rules(story)


@pytest.mark.parametrize("change", [{"amount": 301}, {"to_account_id": "c"}, {"id": "other"}, {"currency": "USD"}])
def test_a_transfer_with_another_content_is_changed(story: Story, change: dict[str, object]) -> None:
    story.observation.transfers[0].update(change)
    assert CHANGED in rules(story)


def test_an_answer_that_is_not_what_was_ordered_is_changed(story: Story) -> None:
    of(story, "transfer").operation.body["amount"] = 299
    assert rules(story) == {CHANGED}


def test_a_capture_of_another_amount_than_ordered_is_changed(story: Story) -> None:
    of(story, "capture").operation.body["amount"] = 39
    assert rules(story) == {CHANGED}


def test_a_transfer_that_nobody_sent_is_unexplained(story: Story) -> None:
    story._transfer("a", "b", 1, "somebody else's")
    assert rules(story) == {UNEXPLAINED}


def test_a_hold_that_expired_too_early_is_unexplained(story: Story) -> None:
    story.authorization(of(story, "authorization", 2))["status"] = "expired"
    assert UNEXPLAINED in rules(story)


def test_a_refusal_that_moved_money_is_found(story: Story) -> None:
    story._leg("withdrawal", "a", -5, of(story, "withdrawal").operation.id)
    assert rules(story) == {APPLIED_REFUSAL, TOTAL}


def test_a_refused_transfer_of_a_batch_that_moved_money_is_found(story: Story) -> None:
    story._transfer("b", "a", 5, of(story, "batch").operation.id + "/1")
    assert rules(story) == {APPLIED_REFUSAL}
