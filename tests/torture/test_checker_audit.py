"""One finished audit row for each outcome."""

from __future__ import annotations

import pytest

from tests.torture.stories import Story, of, rules
from torture.checker.verdict import AUDIT


def test_a_success_without_its_audit_row_is_found(story: Story) -> None:
    story.observation.audit.remove(next(row for row in story.observation.audit if row["event_type"] == "transfer"))
    assert rules(story) == {AUDIT}


def test_a_success_with_two_audit_rows_is_found(story: Story) -> None:
    story.audit(of(story, "transfer").attempts[0].request_id, "transfer", "success")
    assert rules(story) == {AUDIT}


def test_an_operation_without_an_answer_has_at_most_one_outcome(story: Story) -> None:
    entry = of(story, "withdrawal", 1)
    entry.attempts.pop()
    request_id = entry.attempts[0].request_id
    story.observation.audit[:] = [
        row for row in story.observation.audit if not row["request_id"].startswith(entry.operation.id)
    ]
    story.audit(request_id, "withdrawal", "success")
    assert rules(story) == set()
    story.audit(request_id, "withdrawal", "failure", {"code": "insufficient_funds"})
    assert rules(story) == {AUDIT}


def test_a_refusal_without_its_audit_row_is_found(story: Story) -> None:
    request_id = of(story, "withdrawal").attempts[0].request_id
    story.observation.audit[:] = [row for row in story.observation.audit if row["request_id"] != request_id]
    assert rules(story) == {AUDIT}


def test_a_refusal_with_another_code_is_found(story: Story) -> None:
    request_id = of(story, "withdrawal").attempts[0].request_id
    [row] = [row for row in story.observation.audit if row["request_id"] == request_id]
    row["metadata"]["code"] = "account_not_active"
    assert rules(story) == {AUDIT}


@pytest.mark.parametrize("code", ["abandoned", "unavailable", "idempotency_in_flight"])
def test_rows_of_attempts_without_an_outcome_are_no_finding(story: Story, code: str) -> None:
    attempt = of(story, "withdrawal", 1).attempts[0]
    story.audit(attempt.request_id, "withdrawal", "failure", {"code": code})
    assert rules(story) == set()


def test_a_pending_row_is_found(story: Story) -> None:
    attempt = of(story, "withdrawal", 1).attempts[0]
    story.audit(attempt.request_id, "withdrawal", "pending")
    assert rules(story) == {AUDIT}


def test_a_row_that_no_request_explains_is_found(story: Story) -> None:
    story.audit("somebody else", "transfer", "success")
    assert rules(story) == {AUDIT}


def test_a_row_of_another_kind_is_found(story: Story) -> None:
    next(row for row in story.observation.audit if row["event_type"] == "deposit")["event_type"] = "withdrawal"
    assert rules(story) == {AUDIT}


def test_a_batch_that_was_refused_as_a_whole_has_a_row_for_each_reason(story: Story) -> None:
    story.refused_batch([("a", "b", 5), ("b", "a", 10**9)], refused={1})
    assert rules(story) == set()
    story.observation.audit.pop()
    assert rules(story) == {AUDIT}


def test_a_refused_transfer_of_a_batch_without_its_row_is_found(story: Story) -> None:
    story.observation.audit[:] = [row for row in story.observation.audit if "index" not in row["metadata"]]
    assert rules(story) == {AUDIT}


def test_a_refresh_without_its_row_is_found(story: Story) -> None:
    story.observation.audit[:] = [row for row in story.observation.audit if row["event_type"] != "token_refresh"]
    assert rules(story) == {AUDIT}


def test_a_refresh_may_be_refused_as_a_reuse_only_after_an_attempt_that_succeeded(story: Story) -> None:
    entry = of(story, "refresh")
    [attempt] = entry.attempts
    attempt.outcome, attempt.status = "info", None
    story.again(entry, 401, {"code": "refresh_token_reused"})
    assert rules(story) == set()
    story.observation.audit[:] = [row for row in story.observation.audit if row["event_type"] != "token_refresh"]
    assert rules(story) == {AUDIT}
