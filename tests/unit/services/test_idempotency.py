"""What a key that is claimed already means for a request: an answer, a refusal, or a claim to take over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bankapp import context, errors
from bankapp.models import IdempotencyKeyRecord
from bankapp.services import idempotency
from bankapp.services.idempotency import Answer, Claim, Replay
from tests.support.clocks import at
from tests.support.databases import settings

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=5)
FIRST_ATTEMPT, ATTEMPT = "first-attempt", "second-attempt"
RUNNING = IdempotencyKeyRecord("scope", "fingerprint", FIRST_ATTEMPT, NOW, None, None, None, None, None)
ABANDONED = RUNNING._replace(claimed_at=NOW - LEASE - timedelta(microseconds=1))
FINISHED = RUNNING._replace(
    finished_at=NOW,
    answer_status=201,
    answer_media_type="application/problem+json",
    answer_etag="3",
    answer_body=b'{"id": "1"}',
)


class Keys:
    """The stored key and the audit rows, instead of the tables, and what was done to them."""

    def __init__(self) -> None:
        self.found: IdempotencyKeyRecord | None = None
        self.is_free = True
        self.taken: list[tuple[str, str, str, datetime]] = []
        self.finished: list[dict[str, Any]] = []
        self.released: list[tuple[str, str]] = []
        self.abandoned: list[str] = []

    def lock(self, scope: str) -> IdempotencyKeyRecord | None:
        assert scope == "scope"
        return self.found

    def take_over(self, scope: str, old_claim_id: str, claim_id: str, now: datetime) -> bool:
        self.taken.append((scope, old_claim_id, claim_id, now))
        return self.is_free

    def finish(self, answered: dict[str, Any]) -> bool:
        self.finished.append(answered)
        return self.is_free

    def release(self, scope: str, claim_id: str) -> None:
        self.released.append((scope, claim_id))


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keys]:
    keys = Keys()
    for name in ("lock", "take_over", "finish", "release"):
        monkeypatch.setattr(idempotency.idempotency_keys, name, getattr(keys, name))
    monkeypatch.setattr(idempotency.audit, "abandon", keys.abandoned.append)
    monkeypatch.setattr(idempotency.db, "run", lambda command: command())
    context.enter(settings("sqlite:///unused").with_changes(idempotency_lease=LEASE))
    with at(NOW):
        yield keys
    context.leave()


def claim(fingerprint: str = "fingerprint") -> Claim:
    def unused(_: object) -> Answer:
        raise AssertionError

    return Claim("scope", fingerprint, "user", unused, unused)


def test_a_finished_request_is_answered_as_before(keys: Keys) -> None:
    keys.found = FINISHED
    with pytest.raises(Replay) as caught:
        idempotency.resolve(claim(), ATTEMPT)
    assert caught.value.answer == Answer(201, b'{"id": "1"}', "application/problem+json", etag="3", replayed=True)
    assert keys.taken == []


def test_an_answer_without_a_body_is_replayed_without_one(keys: Keys) -> None:
    keys.found = FINISHED._replace(answer_status=204, answer_body=b"", answer_etag=None)
    with pytest.raises(Replay) as caught:
        idempotency.resolve(claim(), ATTEMPT)
    assert (caught.value.answer.status, caught.value.answer.body, caught.value.answer.etag) == (204, b"", None)


def test_an_answer_does_not_grow_old(keys: Keys) -> None:
    keys.found = FINISHED._replace(claimed_at=NOW - timedelta(days=6))
    with pytest.raises(Replay):
        idempotency.resolve(claim(), ATTEMPT)
    assert keys.taken == []


@pytest.mark.parametrize("found", [RUNNING, ABANDONED, FINISHED])
def test_a_key_of_another_body_is_refused_in_every_state(keys: Keys, found: IdempotencyKeyRecord) -> None:
    keys.found = found
    with pytest.raises(errors.IdempotencyKeyReused):
        idempotency.resolve(claim("another body"), ATTEMPT)
    assert (keys.taken, keys.abandoned) == ([], [])


@pytest.mark.parametrize(
    ("age_seconds", "retry_after_seconds"),
    # The clock of another machine may be ahead. A young attempt is about to end; an older one may have lost its worker.
    [(-2, 1), (0, 1), (0.999999, 1), (1, 4), (1.000001, 4), (2, 3), (2.5, 3), (4, 1), (4.999999, 1), (5, 1)],
)
def test_a_request_within_its_lease_is_still_running(keys: Keys, age_seconds: float, retry_after_seconds: int) -> None:
    keys.found = RUNNING._replace(claimed_at=NOW - timedelta(seconds=age_seconds))
    with pytest.raises(errors.IdempotencyInFlight) as caught:
        idempotency.resolve(claim(), ATTEMPT)
    assert caught.value.retry_after_seconds == retry_after_seconds
    assert (keys.taken, keys.abandoned) == ([], [])


def test_a_claim_after_its_lease_is_taken_over(keys: Keys) -> None:
    keys.found = ABANDONED
    idempotency.resolve(claim(), ATTEMPT)
    # Fenced by the attempt that was read: of two that take over at once, one finds another attempt there.
    assert keys.taken == [("scope", FIRST_ATTEMPT, ATTEMPT, NOW)]
    assert keys.abandoned == [FIRST_ATTEMPT]


def test_a_claim_from_the_future_is_taken_over(keys: Keys) -> None:
    keys.found = RUNNING._replace(claimed_at=NOW + timedelta(hours=1))
    idempotency.resolve(claim(), ATTEMPT)
    assert keys.taken == [("scope", FIRST_ATTEMPT, ATTEMPT, NOW)]


def test_the_lease_is_that_of_the_settings(keys: Keys) -> None:
    keys.found = ABANDONED
    context.enter(settings("sqlite:///unused").with_changes(idempotency_lease=2 * LEASE))
    try:
        with pytest.raises(errors.IdempotencyInFlight) as caught:
            idempotency.resolve(claim(), ATTEMPT)
    finally:
        context.leave()
    assert caught.value.retry_after_seconds == LEASE.seconds
    assert keys.taken == []


def test_the_lease_lasts_five_seconds_by_default() -> None:
    assert settings("sqlite:///unused").idempotency_lease == LEASE


def test_the_loser_of_a_race_for_an_abandoned_claim_waits(keys: Keys) -> None:
    keys.found, keys.is_free = ABANDONED, False
    with pytest.raises(errors.IdempotencyInFlight) as caught:
        idempotency.resolve(claim(), ATTEMPT)
    assert caught.value.retry_after_seconds == 1
    # The first attempt may have finished since it was read: its audit row is not this attempt's to change.
    assert keys.abandoned == []


def test_a_key_that_was_released_meanwhile_is_asked_for_again(keys: Keys) -> None:
    with pytest.raises(errors.IdempotencyInFlight) as caught:
        idempotency.resolve(claim(), ATTEMPT)
    assert caught.value.retry_after_seconds == 1
    assert keys.taken == []


@pytest.mark.parametrize("is_held", [True, False])
def test_an_answer_is_kept_for_the_attempt_that_made_it(keys: Keys, is_held: bool) -> None:
    keys.is_free = is_held
    assert idempotency.keep(claim(), ATTEMPT, Answer(422, b"{}", "application/problem+json")) is is_held
    [stored] = keys.finished
    assert (stored["key_scope"], stored["key_claim_id"], stored["answered_at"]) == ("scope", ATTEMPT, NOW)
    assert stored["new_answer_status"] == 422
    assert (stored["new_answer_body"], stored["new_answer_media_type"]) == (b"{}", "application/problem+json")


def test_a_release_names_its_attempt(keys: Keys) -> None:
    idempotency.release(claim(), ATTEMPT)
    assert keys.released == [("scope", ATTEMPT)]


def test_what_is_stored_is_what_is_replayed(keys: Keys) -> None:
    answer = Answer(201, b'{"amount": 5}', "application/json", etag="7")
    row = claim().row(ATTEMPT, NOW)
    stored = claim().answered(ATTEMPT, answer, NOW)
    keys.found = IdempotencyKeyRecord(
        **row,
        finished_at=stored["answered_at"],
        answer_status=stored["new_answer_status"],
        answer_media_type=stored["new_answer_media_type"],
        answer_etag=stored["new_answer_etag"],
        answer_body=stored["new_answer_body"],
    )
    with pytest.raises(Replay) as caught:
        idempotency.resolve(claim(), ATTEMPT)
    replayed = caught.value.answer
    assert (replayed.status, replayed.body, replayed.media_type, replayed.etag) == (
        answer.status,
        answer.body,
        answer.media_type,
        answer.etag,
    )
    assert replayed.replayed
    assert not answer.replayed
