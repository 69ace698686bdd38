"""A request that may come twice is carried out once.

The claim is stored together with the pending audit row before the money moves, the answer in the
money's own transaction. A claim whose worker died is taken over after the lease; the old attempt
can then no longer commit, because finishing needs the claim it lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bankapp import clock, context, db, errors
from bankapp.models import IdempotencyKeyRecord
from bankapp.repositories import idempotency_keys


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

    ``scope`` is the SHA-256 of user, method, path and key; ``fingerprint`` that of the canonical body; ``id``
    fences this attempt against a later one that took the key over. ``user_id`` is the user that the access
    token names: the claim is stored only if that token is live.
    """

    id: str
    scope: str
    fingerprint: str
    user_id: str
    render: Callable[[Any], Answer]
    render_refusal: Callable[[errors.BankError], Answer]

    def row(self, now: datetime) -> dict[str, Any]:
        """Return the key's row as it is stored with the claim."""
        return {"scope": self.scope, "fingerprint": self.fingerprint, "claim_id": self.id, "claimed_at": now}

    def answered(self, answer: Answer, now: datetime) -> dict[str, Any]:
        """Return the parameters that store ``answer`` while the claim is held."""
        return {
            "key_scope": self.scope,
            "key_claim_id": self.id,
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


def resolve(claim: Claim) -> None:
    """Find out what a key that is claimed already means for this request; return when it could be taken over.

    Raises Replay with the first answer, IdempotencyKeyReused when the body was another, and
    IdempotencyInFlight while the first request still runs.
    """
    now = clock.now()
    found = idempotency_keys.get(claim.scope)
    if found is None:  # released or purged just now
        raise in_flight()
    if found.fingerprint != claim.fingerprint:
        raise errors.IdempotencyKeyReused("This key was used for a request with another body.")
    if found.finished_at is not None:
        raise Replay(_answer(found))
    abandoned = found.claimed_at + context.config().idempotency_lease < now
    if not abandoned or not idempotency_keys.take_over(claim.scope, found.claim_id, claim.id, now):
        raise in_flight()


def keep(claim: Claim, answer: Answer) -> bool:
    """Store an answer that no work depends on; False when the claim was lost meanwhile."""
    return idempotency_keys.finish(claim.answered(answer, clock.now()))


def release(claim: Claim) -> None:
    """Forget a claim whose request came to no answer worth keeping."""
    idempotency_keys.release(claim.scope, claim.id)


def purge() -> int:
    """Delete the keys that are older than they must be kept, and return how many that were."""
    return db.run(lambda: idempotency_keys.purge(clock.now() - context.config().idempotency_kept))


def _answer(key: IdempotencyKeyRecord) -> Answer:
    return Answer(
        status=key.answer_status or 0,
        body=key.answer_body or b"",
        media_type=key.answer_media_type or "",
        etag=key.answer_etag,
        replayed=True,
    )


def in_flight() -> errors.IdempotencyInFlight:
    """Return the refusal of a request whose key another one holds."""
    return errors.IdempotencyInFlight("The first request with this key is still running.", retry_after_seconds=1)
