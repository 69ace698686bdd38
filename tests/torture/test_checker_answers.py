"""The answers by themselves, and what the service finds itself."""

from __future__ import annotations

from tests.torture.stories import Story, of, rules
from torture.checker.verdict import CHANGED, SERVER_ERROR, UNEXPECTED_REFUSAL


def test_a_repetition_with_another_answer_is_changed(story: Story) -> None:
    entry = of(story, "transfer")
    story.again(entry, 201, entry.answer.body)
    assert rules(story) == set()
    story.again(entry, 201, entry.answer.body | {"id": "other"})
    assert rules(story) == {CHANGED}


def test_a_refusal_that_succeeds_when_it_is_repeated_is_changed(story: Story) -> None:
    story.again(of(story, "withdrawal"), 201, {"id": "later"})
    assert rules(story) == {CHANGED}


def test_a_server_error_is_found(story: Story) -> None:
    story.lost(of(story, "deposit")).status = 500
    assert rules(story) == {SERVER_ERROR}


def test_a_server_error_that_no_client_saw_is_found(story: Story) -> None:
    story.observation.errors.append("request x: a stack trace")
    assert rules(story) == {SERVER_ERROR}


def test_a_refusal_without_a_reason_is_found(story: Story) -> None:
    story.refused("deposit", "insufficient_funds")
    assert rules(story) == {UNEXPECTED_REFUSAL}
