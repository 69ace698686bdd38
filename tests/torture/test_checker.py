"""The checker passes a history that is right, and names each fault of one that is not."""

from __future__ import annotations

import pytest

from tests.torture.stories import Story
from torture.checker import check
from torture.checker.verdict import (
    APPLIED_REFUSAL,
    AUDIT,
    BALANCE,
    CHANGED,
    DOUBLED,
    FAIL,
    LOST,
    ONE_SIDED,
    PASS,
    SERVER_ERROR,
    STALE_READ,
    TOTAL,
    UNEXPECTED_REFUSAL,
    UNEXPLAINED,
    UNKNOWN,
    VERIFICATION,
)


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


def rules(story: Story) -> set[str]:
    return {finding.rule for finding in check(story.entries, story.observation).findings}


def of(story: Story, kind: str, number: int = 0):
    return [entry for entry in story.entries if entry.operation.kind == kind][number]


def test_a_history_that_is_right_passes(story: Story) -> None:
    verdict = check(story.entries, story.observation)
    assert (verdict.outcome, list(verdict.findings), list(verdict.gaps)) == (PASS, [], [])


# Effects


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


# Books


@pytest.mark.parametrize("kind", ["transfer_in", "transfer_out"])
def test_a_transfer_without_one_of_its_legs_is_one_sided(story: Story, kind: str) -> None:
    account = "b" if kind == "transfer_in" else "a"
    rows = story.observation.transactions[account]
    rows.remove(next(row for row in rows if row["type"] == kind))
    assert ONE_SIDED in rules(story)


def test_a_leg_of_another_amount_is_one_sided(story: Story) -> None:
    next(row for row in story.observation.transactions["b"] if row["type"] == "transfer_in")["amount"] = 1
    assert ONE_SIDED in rules(story)


def test_a_capture_without_its_purchase_is_one_sided(story: Story) -> None:
    rows = story.observation.transactions["a"]
    rows.remove(next(row for row in rows if row["type"] == "card_purchase"))
    assert ONE_SIDED in rules(story)


def test_a_purchase_without_a_capture_is_one_sided(story: Story) -> None:
    story._leg("card_purchase", "a", -1, "somebody's shop")
    assert rules(story) == {ONE_SIDED, TOTAL}


def test_a_lost_update_of_the_balance_is_found(story: Story) -> None:
    for name in ("balance", "available_balance"):
        story.account("b")[name] -= 20
    assert rules(story) == {BALANCE, TOTAL}


def test_a_balance_after_that_does_not_continue_is_found(story: Story) -> None:
    story.observation.transactions["b"][1]["balance_after"] += 1
    assert rules(story) == {BALANCE}


def test_an_available_balance_that_forgets_a_hold_is_found(story: Story) -> None:
    story.account("a")["available_balance"] += 60
    assert rules(story) == {BALANCE}


# Reads


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


# Answers


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


# Audit


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


# Verdict


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
