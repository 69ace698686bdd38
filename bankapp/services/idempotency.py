"""A request that may come twice is carried out once.

The claim is stored together with the pending audit row before the money moves, the answer in the
money's own transaction. A claim whose worker died is taken over after the lease; the old attempt
can then no longer commit, because finishing needs the claim it lost.
"""

from __future__ import annotations

from bankapp import clock, context, database, errors
from bankapp.context import Answer, IdempotencyClaim
from bankapp.models import IdempotencyKey
from bankapp.repositories import idempotency_keys


class Replay(Exception):
    """The request was answered before; ``answer`` is that answer."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        super().__init__("answered before")


def resolve(claim: IdempotencyClaim) -> None:
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


def keep(claim: IdempotencyClaim, answer: Answer) -> bool:
    """Store an answer that no work depends on; False when the claim was lost meanwhile."""
    return idempotency_keys.finish(claim.scope, claim.id, answer, clock.now())


def release(claim: IdempotencyClaim) -> None:
    """Forget a claim whose request came to no answer worth keeping."""
    idempotency_keys.release(claim.scope, claim.id)


def purge() -> int:
    """Delete the keys that are older than they must be kept, and return how many that were."""
    return database.run(lambda: idempotency_keys.purge(clock.now() - context.config().idempotency_kept))


def _answer(key: IdempotencyKey) -> Answer:
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
