"""A request that may come twice is carried out once.

The claim is stored together with the pending audit row before the money moves, the answer in the
money's own transaction. A retry takes a claim over whose attempt did not end within the lease.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from bankapp import clock, context, db, errors
from bankapp.models import IdempotencyKeyRecord
from bankapp.repositories import idempotency_keys
from bankapp.services import audit

PURGE_BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer as it went, or will go, over the wire."""

    status: int
    body: bytes
    media_type: str = "application/json"
    etag: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request with an ``Idempotency-Key`` claims, and how its outcome is written down.

    ``scope`` is the SHA-256 of user, API key, method, path and key; ``fingerprint`` that of the canonical body.
    ``user_id`` is the user that the access token or API key names: the claim is stored only if that is live.

    Each attempt holds the claim under the id of its audit row. That id fences it against a later attempt that
    takes the key over.
    """

    scope: str
    fingerprint: str
    user_id: str
    render: Callable[[Any], Answer]
    render_refusal: Callable[[errors.BankError], Answer]

    def row(self, attempt_id: str, now: datetime) -> dict[str, Any]:
        """Return the key's row as an attempt stores it."""
        return {"scope": self.scope, "fingerprint": self.fingerprint, "claim_id": attempt_id, "claimed_at": now}

    def answered(self, attempt_id: str, answer: Answer, now: datetime) -> dict[str, Any]:
        """Return the parameters that store ``answer`` while the attempt holds the claim."""
        return {
            "key_scope": self.scope,
            "key_claim_id": attempt_id,
            "answered_at": now,
            "new_answer_status": answer.status,
            "new_answer_media_type": answer.media_type,
            "new_answer_etag": answer.etag,
            "new_answer_body": answer.body,
        }


class Replay(Exception):
    """The request was answered before; ``answer`` is that answer."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__("answered before")


def resolve(claim: Claim, attempt_id: str) -> None:
    """Find out what a key that is claimed already means for this attempt; return when it could take the key over.

    An attempt that took longer than the lease can be taken over: it can no longer commit, because finishing needs
    the claim it lost. Its audit row becomes a failure, code ``abandoned``. Raises Replay with the first answer,
    IdempotencyKeyReused when the body was another, and IdempotencyInFlight while the first request may still run.
    """
    now = clock.now()
    found = idempotency_keys.lock(claim.scope)
    if found is None:  # released or purged just now
        raise in_flight()
    if found.fingerprint != claim.fingerprint:
        raise errors.IdempotencyKeyReused("This key was used for a request with another body.")
    if found.finished_at is not None:
        raise Replay(_answer(found))
    age, lease = now - found.claimed_at, context.config().idempotency_lease
    # A claim from the future was dated by a clock that is ahead, so its age is unknown. Taking it over is safe: if its
    # attempt is alive, the attempt stores nothing.
    if abs(age) <= lease:
        # Most requests end within a second; one that does not may have lost its worker.
        remaining = math.ceil((lease - age).total_seconds())
        raise in_flight(1 if age < timedelta(seconds=1) else max(1, remaining))
    db.run(partial(_take_over, claim, found.claim_id, attempt_id, now))


def _take_over(claim: Claim, old_attempt_id: str, attempt_id: str, now: datetime) -> None:
    if not idempotency_keys.take_over(claim.scope, old_attempt_id, attempt_id, now):
        raise in_flight()
    audit.abandon(old_attempt_id)


def keep(claim: Claim, attempt_id: str, answer: Answer) -> bool:
    """Store an answer that no work depends on; False when the claim was lost meanwhile."""
    return idempotency_keys.finish(claim.answered(attempt_id, answer, clock.now()))


def release(claim: Claim, attempt_id: str) -> None:
    """Forget a claim whose request came to no answer worth keeping."""
    idempotency_keys.release(claim.scope, attempt_id)


def purge() -> int:
    """Delete the keys that are older than they must be kept, and return how many that were.

    Each batch is a transaction, so that no statement runs into the statement timeout.
    """
    before, purged = clock.now() - context.config().idempotency_kept, 0
    while batch := db.run(lambda: idempotency_keys.purge(before, PURGE_BATCH)):
        purged += batch
    return purged


def _answer(key: IdempotencyKeyRecord) -> Answer:
    return Answer(
        status=key.answer_status or 0,
        body=key.answer_body or b"",
        media_type=key.answer_media_type or "",
        etag=key.answer_etag,
        replayed=True,
    )


def in_flight(retry_after_seconds: int = 1) -> errors.IdempotencyInFlight:
    """Return the refusal of a request whose key another one holds."""
    detail = "The first request with this key is still running."
    return errors.IdempotencyInFlight(detail, retry_after_seconds=retry_after_seconds)
